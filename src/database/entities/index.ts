import { Creator } from './creator.ts';
import { User } from './user.ts';

export const entities = [User, Creator];
