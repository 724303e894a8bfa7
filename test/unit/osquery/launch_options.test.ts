import { expect, test } from 'vitest';
import { launchOptions } from '../../../src/osquery/launch_options.ts';

test('the arguments that osquery passes are read, in both forms', () => {
  expect(launchOptions(['--socket', '/run/osquery.em', '--timeout', '10', '--interval=5', '--verbose'])).toEqual({
    socketPath: '/run/osquery.em',
    timeoutSeconds: 10,
    intervalSeconds: 5,
  });
});

test('missing and unusable arguments have defaults', () => {
  const defaults = { socketPath: '', timeoutSeconds: 3, intervalSeconds: 3 };
  expect(launchOptions([])).toEqual(defaults);
  expect(launchOptions(['--timeout', 'x', '--interval', '0', '--socket'])).toEqual(defaults);
});
