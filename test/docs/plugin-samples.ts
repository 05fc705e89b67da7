/** The code of docs/plugins.md, under the file names by which its parts import each other. */
import { blocksOf } from './markdown.ts';
import { page } from './pages.ts';

const [notice = '', program = '', note = '', suite = ''] = blocksOf(page('docs/plugins.md').text)
  .filter((block) => block.language === 'ts')
  .map((block) => block.text);

export const pluginSamples = {
  'noticefs.mts': notice,
  'program.mts': program,
  'notefs.mts': note,
  'suite.mts': suite,
};
