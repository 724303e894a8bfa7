import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DATA_PLACE, dataText, pageText } from '../../../../src/commands/tree/page_text.ts';
import { Scene } from '../../../tree/scene.ts';

const hostile = fc.string({
  unit: fc.constantFrom('<', '/', 'script', '>', '!--', '-->', '&', '"', '\\', '\u2028', '\ud800', '\0', '$&', ' '),
});

test('data has no characters of markup, and reads back as it was', () => {
  fc.assert(
    fc.property(hostile, (text) => {
      const data = dataText({ text });
      expect(data).not.toMatch(/[<>&\u2028\u2029]/);
      expect(JSON.parse(data)).toEqual({ text });
    }),
  );
});

test('the page around the data is unchanged, also when an argument looks like a replacement pattern', () => {
  const scene = new Scene();
  scene.run(5, ['$&', '$`', "$'", '</script><script>alert(1)</script>', DATA_PLACE], { at: 1 });
  const document = scene.document();
  const text = pageText(`before${DATA_PLACE}after`, document, '');
  const [, json = ''] = /^before<script type="application\/json" id="data">(.*)<\/script>after$/s.exec(text) ?? [];
  expect(JSON.parse(json)).toEqual({ tree: document, selected: '' });
});

test('a page without a place for the data is refused', () => {
  expect(() => pageText('<html>', new Scene().document(), '')).toThrow('npm run build');
});
