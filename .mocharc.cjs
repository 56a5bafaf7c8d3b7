module.exports = {
  spec: ['dist/**/*.test.js'],
  'node-option': ['enable-source-maps'],
  reporter: require.resolve('./scripts/mocha-reporter.cjs'),
  timeout: 120_000,
  exit: true,
};
