module.exports = {
  spec: ['dist/**/*.test.js'],
  'node-option': ['enable-source-maps'],
  reporter: require.resolve('./scripts/mocha-reporter.cjs'),
  // What hangs. The longest tests take 20 s on two idle cores, and eight times as long where those do other work too.
  timeout: 300_000,
  exit: true,
};
