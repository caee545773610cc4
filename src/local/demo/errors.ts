/** Why the main job cannot go on; its message is the sentence that is shown. */
export class DemoError extends Error {
  override readonly name: string = 'DemoError';
}
