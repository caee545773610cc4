/** Something the person who starts Stipend can mend; its message is the one sentence that they are shown. */
export class StartError extends Error {
  override readonly name = 'StartError';
}
