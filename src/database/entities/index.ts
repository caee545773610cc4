import { Creator } from './creator.ts';
import { CreatorPaymentAccount } from './creator-payment-account.ts';

export const entities = [Creator, CreatorPaymentAccount];
