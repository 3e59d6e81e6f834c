/** The script in an empty store. */

/**
 * Ten lines of Python that log one run. `path` is the store's folder as the server knows it;
 * `address` is where this page came from.
 */
export function firstScript(path: string | null, address: string): string {
  const store = path === null ? '' : ', store=store';
  return [
    'import math, time',
    'import foldline',
    '',
    `# It shows at ${address} as it goes.`,
    ...(path === null ? [] : [`store = ${JSON.stringify(path)}`]),
    `with foldline.Run(experiment="hello", params={"lr": 0.01}${store}) as run:`,
    '    for step in range(300):',
    '        loss = math.exp(-step / 80) + 0.05 * math.sin(step / 7)',
    '        run.track(loss, name="loss", step=step, context={"subset": "train"})',
    '        time.sleep(0.05)',
    '',
  ].join('\n');
}
