import { expect } from 'chai';
import { markdownTable } from './index.js';

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
