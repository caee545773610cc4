import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parsePostUrl, platforms, postUrl, type Platform } from '../../src/domain/post-urls.ts';

const forms: Record<Platform, { postId: string; urls: string[] }> = {
  youtube: {
    postId: 'dQw4w9WgXcQ',
    urls: [
      'https://www.youtube.com/watch?v=dQw4w9WgXcQ',
      'http://youtube.com/watch?v=dQw4w9WgXcQ',
      'https://m.youtube.com/watch?v=dQw4w9WgXcQ&feature=share',
      'https://music.youtube.com/watch?v=dQw4w9WgXcQ&list=RDAMVM',
      'https://gaming.youtube.com/watch?v=dQw4w9WgXcQ',
      'https://www.youtube.com/watch?list=PL123&index=2&v=dQw4w9WgXcQ&t=43s',
      'https://www.youtube.com/watch/?v=dQw4w9WgXcQ',
      'https://www.youtube.com/watch/dQw4w9WgXcQ',
      'https://www.youtube.com/watch_popup?v=dQw4w9WgXcQ',
      'https://WWW.YOUTUBE.COM/watch?v=dQw4w9WgXcQ#t=10',
      'https://www.youtube.com:443/watch?v=dQw4w9WgXcQ',
      'youtube.com/watch?v=dQw4w9WgXcQ',
      '  https://youtu.be/dQw4w9WgXcQ?si=AbCdEf&t=5  ',
      'youtu.be/dQw4w9WgXcQ',
      'https://www.youtu.be/dQw4w9WgXcQ/',
      'https://youtu.be/shorts/dQw4w9WgXcQ',
      'https://www.youtube.com/shorts/dQw4w9WgXcQ?feature=share',
      'https://m.youtube.com/shorts/dQw4w9WgXcQ/',
      'https://www.youtube.com/live/dQw4w9WgXcQ?si=x',
      'https://www.youtube.com/embed/dQw4w9WgXcQ?start=3',
      'https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ',
      'https://www.youtube.com/v/dQw4w9WgXcQ?version=3',
      'https://www.youtube.com/e/dQw4w9WgXcQ',
    ],
  },
  tiktok: {
    postId: '7106594312292453675',
    urls: [
      'https://www.tiktok.com/@scout2015/video/7106594312292453675',
      'http://tiktok.com/@scout2015/video/7106594312292453675/',
      'https://www.tiktok.com/@some.body_1/video/7106594312292453675?is_from_webapp=1&sender_device=pc',
      'https://m.tiktok.com/@scout2015/video/7106594312292453675',
      'https://www.tiktok.com/@scout2015/photo/7106594312292453675',
      'https://www.tiktok.com/@/video/7106594312292453675',
      'https://m.tiktok.com/v/7106594312292453675.html?u_code=1',
      'https://www.tiktok.com/embed/7106594312292453675',
      'https://www.tiktok.com/embed/v2/7106594312292453675?lang=en',
      'https://www.tiktok.com/player/v1/7106594312292453675',
      'https://www.tiktok.com/share/video/7106594312292453675',
      'tiktok.com/@scout2015/video/7106594312292453675',
    ],
  },
  instagram: {
    postId: 'CuE2WNQs6vH',
    urls: [
      'https://www.instagram.com/p/CuE2WNQs6vH/',
      'https://instagram.com/p/CuE2WNQs6vH?igsh=abc',
      'https://www.instagram.com/reel/CuE2WNQs6vH/?utm_source=ig_web_copy_link',
      'https://www.instagram.com/reels/CuE2WNQs6vH/',
      'https://www.instagram.com/tv/CuE2WNQs6vH/',
      'https://www.instagram.com/some.body_1/p/CuE2WNQs6vH/',
      'https://www.instagram.com/some.body_1/reel/CuE2WNQs6vH/',
      'https://www.instagram.com/p/CuE2WNQs6vH/embed/captioned/',
      'https://m.instagram.com/p/CuE2WNQs6vH/',
      'https://instagr.am/p/CuE2WNQs6vH/',
      'instagram.com/reel/CuE2WNQs6vH',
    ],
  },
  x: {
    postId: '1460323737035677698',
    urls: [
      'https://twitter.com/XDevelopers/status/1460323737035677698',
      'https://x.com/XDevelopers/status/1460323737035677698?s=20&t=abc',
      'https://www.x.com/XDevelopers/status/1460323737035677698/',
      'https://mobile.twitter.com/XDevelopers/status/1460323737035677698',
      'https://m.twitter.com/XDevelopers/status/1460323737035677698',
      'https://twitter.com/XDevelopers/statuses/1460323737035677698',
      'https://x.com/i/status/1460323737035677698',
      'https://twitter.com/i/web/status/1460323737035677698',
      'https://x.com/XDevelopers/status/1460323737035677698/photo/1',
      'https://x.com/XDevelopers/status/1460323737035677698/video/2',
      'https://x.com/XDevelopers/status/1460323737035677698/analytics',
      'x.com/XDevelopers/status/1460323737035677698',
    ],
  },
};

describe.each(platforms)('%s', (platform) => {
  const { postId, urls } = forms[platform];
  test.each(urls)('%s', (url) => {
    expect(parsePostUrl(url)).toEqual({ platform, postId });
  });
});

test.each([
  '',
  'not an address',
  'https://',
  'ftp://www.youtube.com/watch?v=dQw4w9WgXcQ',
  'javascript:alert(1)//youtube.com/watch?v=dQw4w9WgXcQ',
  'https://www.youtube.com/',
  'https://www.youtube.com/@channel',
  'https://www.youtube.com/playlist?list=PL123',
  'https://www.youtube.com/watch?v=',
  'https://www.youtube.com/watch?v=dQw4w9WgXc%20',
  'https://www.youtube.com/embed/videoseries?list=PL123',
  'https://www.youtube.com/embed/live_stream?channel=UC123',
  'https://www.youtube.com/watch?V=dQw4w9WgXcQ',
  'https://youtube.com.example.com/watch?v=dQw4w9WgXcQ',
  'https://example.com/?u=https://youtu.be/dQw4w9WgXcQ',
  'https://notyoutube.com/watch?v=dQw4w9WgXcQ',
  'https://user@www.youtube.com/watch?v=dQw4w9WgXcQ',
  'https://www.youtube.com:8443/watch?v=dQw4w9WgXcQ',
  'https://vm.tiktok.com/ZMabcdef/',
  'https://www.tiktok.com/t/ZTabcdef/',
  'https://www.tiktok.com/@scout2015',
  'https://www.tiktok.com/@scout2015/video/12',
  'https://www.tiktok.com/@scout2015/live',
  'https://www.instagram.com/some.body/',
  'https://www.instagram.com/share/reel/BAabcdef',
  'https://www.instagram.com/stories/some.body/3141592653589793238/',
  'https://t.co/abcdef',
  'https://x.com/XDevelopers',
  'https://x.com/XDevelopers/status/',
  'https://x.com/XDevelopers/status/01460323737035677698',
  'https://x.com/XDevelopers/likes/1460323737035677698',
])('is no post: %s', (url) => {
  expect(parsePostUrl(url)).toBeUndefined();
});

test('ids keep their case', () => {
  expect(parsePostUrl('https://youtu.be/DQW4W9WGXCQ')?.postId).toBe('DQW4W9WGXCQ');
  expect(parsePostUrl('https://www.instagram.com/p/cue2wnqs6vh/')?.postId).toBe('cue2wnqs6vh');
});

test('an address made from a post means that post', () => {
  const idOf: Record<Platform, fc.Arbitrary<string>> = {
    youtube: fc.stringMatching(/^[\w-]{11}$/),
    tiktok: fc.stringMatching(/^[1-9]\d{18}$/),
    instagram: fc.stringMatching(/^[\w-]{11}$/),
    x: fc.stringMatching(/^[1-9]\d{18}$/),
  };
  const posts = fc
    .constantFrom(...platforms)
    .chain((platform) => idOf[platform].map((postId) => ({ platform, postId })));
  fc.assert(
    fc.property(posts, (post) => {
      expect(parsePostUrl(postUrl(post))).toEqual(post);
    }),
  );
});

test('any text is read without an error', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.webUrl()), (text) => {
      expect(() => parsePostUrl(text)).not.toThrow();
    }),
  );
});
