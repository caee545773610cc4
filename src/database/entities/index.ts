import { Creator } from './creator.ts';
import { CreatorPaymentAccount } from './creator-payment-account.ts';
import { User } from './user.ts';

export const entities = [User, Creator, CreatorPaymentAccount];
