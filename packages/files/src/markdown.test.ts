import { expect } from 'chai';
import { markdownTable, withMarked } from './index.js';

describe('a table in Markdown', () => {
  it('has its texts to the left and its numbers to the right, and bars within cells', () => {
    expect(
      markdownTable(
        ['a', 'n'],
        [
          ['x|y', '1'],
          ['', '2'],
        ],
      ),
    ).to.equal('| a | n |\n| - | -: |\n| x\\|y | 1 |\n| | 2 |');
    expect(markdownTable(['a', 'b'], [], { texts: 2 })).to.equal('| a | b |\n| - | - |');
  });
});

describe('what a command writes into a text', () => {
  it('has its place between two lines, which must be there', () => {
    const text = 'a\n<!-- verdicts -->\nold\n<!-- /verdicts -->\nz\n';
    const filled = withMarked(text, 'verdicts', 'new');
    expect(filled).to.equal('a\n<!-- verdicts -->\n\nnew\n\n<!-- /verdicts -->\nz\n');
    expect(withMarked(filled, 'verdicts', 'new')).to.equal(filled);
    expect(() => withMarked('a', 'verdicts', 'new')).to.throw(
      'expected the lines <!-- verdicts --> and <!-- /verdicts -->',
    );
  });
});
