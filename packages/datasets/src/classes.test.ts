import { expect } from 'chai';
import { matchClasses, numbersOutOfOrder, relabelled } from './classes.js';
import { memorySource } from './loader/source.js';
import { syntheticDataset } from './synthetic.js';

const numbers = (count: number) => Array.from({ length: count }, (_, i) => String(i));

describe('classes', () => {
  it('are matched by name, in whatever order, and where some are missing', () => {
    expect(matchClasses(['ant', 'bee'], ['ant', 'bee'])).to.deep.equal([0, 1]);
    expect(matchClasses(['bee', 'cat'], ['ant', 'bee', 'cat'])).to.deep.equal([1, 2]);
    expect(matchClasses(['ant', 'bee'], ['bee', 'ant'])).to.deep.equal([1, 0]);
    const text = numbers(12).sort();
    expect(matchClasses(text, numbers(12)).map(String)).to.deep.equal(text);
  });

  it('are places where names are nothing but numbers', () => {
    expect(matchClasses(['0', '1', '10', '2'], [...'abcdefghijk'])).to.deep.equal([0, 1, 10, 2]);
    expect(matchClasses(['ant', 'bee'], numbers(2))).to.deep.equal([0, 1]);
  });

  it('that a model does not know are named', () => {
    expect(() => matchClasses(['bee', 'cat', 'dog'], ['ant', 'bee', 'cat'])).to.throw(
      "The model does not know 1 of the data's 3 classes: dog. It has 3: ant, bee, cat.",
    );
    expect(() => matchClasses(['5'], ['ant', 'bee'])).to.throw('classes: 5.');
    expect(() => matchClasses(['ant', 'bee', 'cat'], numbers(2))).to.throw('classes: ant, bee, cat.');
    const many = Array.from({ length: 30 }, (_, i) => `class ${i}`);
    expect(() => matchClasses(many, ['ant'])).to.throw('class 7 and 22 more.');
  });

  it('called by numbers are out of order as text', () => {
    expect([numbers(11).sort(), numbers(11), ['ant', '10', '2']].map(numbersOutOfOrder)).to.deep.equal([
      true,
      false,
      false,
    ]);
  });

  it('are given to images, in memory and in files, and leave them as they were', () => {
    const data = syntheticDataset({ train: 20, test: 10, size: 16 });
    const before = [...data.test.labels];
    const turned = data.classes.map((_, i) => data.classes.length - 1 - i);
    for (const images of [data.test, memorySource(data.test, data)]) {
      expect([...relabelled(images, turned).labels]).to.deep.equal(before.map((label) => turned[label]));
      expect([...images.labels]).to.deep.equal(before);
    }
  });
});
