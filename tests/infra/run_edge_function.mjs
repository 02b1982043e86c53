// Runs a CloudFront Function over viewer requests. Reads {source, keys, events} as JSON from standard input, and writes
// for each event what the function returned and which origin it chose. Stands in for the module "cloudfront".
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { source, keys, events } = JSON.parse(readFileSync(0, 'utf8'));
const text = readFileSync(source, 'utf8').replace(/^import cf from 'cloudfront';$/m, '');
const answers = [];
let origin = null;
const cloudfront = {
  kvs: () => {
    if (keys === null) throw new Error('the key-value store does not answer');
    return { exists: async (key) => key in keys, get: async (key) => keys[key] };
  },
  selectRequestOriginById: (id) => {
    origin = id;
  },
};
const handler = new Function('cf', 'require', 'console', text + '\nreturn handler;')(
  cloudfront,
  createRequire(import.meta.url),
  { log: () => undefined }
);
for (const event of events) {
  origin = null;
  const returned = await handler(event);
  answers.push({ returned, origin });
}
process.stdout.write(JSON.stringify(answers));
