import { Campaign } from './campaign.ts';
import { Creator } from './creator.ts';
import { CreatorPaymentAccount } from './creator-payment-account.ts';
import { EarningPolicy } from './earning-policy.ts';

export const entities = [Creator, CreatorPaymentAccount, Campaign, EarningPolicy];
