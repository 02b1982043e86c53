// Checks the launch token of a request for one frame, and sends it to the object that holds the frame ready to send.
// A CloudFront Function (runtime 2.0) on the viewer requests of /dicomweb/studies/*/frames/*.
//
// It refuses what it can prove to be wrong, rewrites what it can prove to be right, and leaves everything else to the
// API, which judges for itself: session tokens, API keys, shares, private or branch-bound launches, several cookies, lists
// of frames, other representations, other origins, signing keys that it does not have (yet).
import cf from 'cloudfront';
const crypto = require('crypto');

const FRAME = new RegExp(
  '^/dicomweb/studies/(UID)/series/(UID)/instances/(UID)/frames/([1-9][0-9]{0,5})$'.replace(/UID/g, '[0-9]+(?:[.][0-9]+)*')
);
const ORGANIZATION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const KID = /^[A-Za-z0-9_.-]{1,64}$/;
const REASONS = { 401: 'Unauthorized', 404: 'Not Found' };

async function handler(event) {
  const request = event.request;
  const token = takeToken(request);
  const frame = FRAME.exec(request.uri);
  if (!frame || !simple(request) || token === undefined) return toApi(request);
  if (token === null) return refuse(event, 401, 'UNAUTHENTICATED', 'a token is needed');
  let verdict = 'api';
  try {
    verdict = await judge(token, frame);
  } catch (error) {
    console.log('not judged: ' + error.message);
  }
  if (verdict === 'api') return toApi(request);
  if (verdict === 'expired') return refuse(event, 401, 'TOKEN_EXPIRED', 'the token has expired');
  if (verdict === 'elsewhere') return refuse(event, 404, 'NOT_FOUND', 'no such study');
  if (verdict === 'bad') return refuse(event, 401, 'UNAUTHENTICATED', 'the token does not verify');
  // On a miss CloudFront asks the API for this very path, with the token in the header that takeToken made.
  request.uri = '/frames/' + verdict + '/' + frame.slice(1).join('/');
  request.cookies = {};
  request.headers['x-pacs-authorization'] = { value: 'Bearer ' + token };
  return request;
}

// The token that speaks for the request; null: there is none; undefined: the API must choose. The Authorization header
// is renamed, because CloudFront puts its own signature there on the way to S3.
function takeToken(request) {
  const headers = request.headers;
  const presented = headers.authorization;
  delete headers.authorization;
  delete headers['x-pacs-authorization'];
  if (presented) {
    headers['x-pacs-authorization'] = { value: presented.value };
    if (presented.multiValue || /^bearer +rapi_/i.test(presented.value)) return undefined;
    return /^bearer /i.test(presented.value) ? presented.value.slice(7).trim() : '';
  }
  const names = Object.keys(request.cookies).filter((name) => name === 'pacs_session' || name.startsWith('pacs_launch_'));
  if (names.length === 0) return null;
  const cookie = request.cookies[names[0]];
  return names.length > 1 || cookie.multiValue || names[0] === 'pacs_session' ? undefined : cookie.value;
}

// A GET or HEAD of our own pages for the frame as it lies ready: as stored, in one part.
function simple(request) {
  const accept = request.headers.accept ? request.headers.accept.value : '';
  const asks = accept.replace(/[" ]/g, '').toLowerCase();
  return (
    (request.method === 'GET' || request.method === 'HEAD') &&
    !request.headers.origin &&
    Object.keys(request.querystring).length === 0 &&
    asks.replace(/transfer-syntax=[*]/g, '').indexOf('transfer-syntax=') < 0 &&
    (asks === '' || asks.indexOf('*/*') >= 0 || asks.indexOf('multipart/related;type=application/octet-stream') >= 0)
  );
}

// The organization whose frame may be sent, or why not: 'bad', 'expired', 'elsewhere' (another study), 'api'.
async function judge(token, frame) {
  const parts = token.split('.');
  const header = parts.length === 3 ? decode(parts[0]) : null;
  const claims = header ? decode(parts[1]) : null;
  if (!claims || header.alg !== 'HS256' || !KID.test(header.kid)) return 'bad';
  if (claims.aud !== 'launch') return 'api';
  const secret = await secretOf(header.kid);
  if (!secret) return 'api';
  const expected = signature(secret, parts[0] + '.' + parts[1]);
  if (!equal(expected, parts[2])) return 'bad';
  if (typeof claims.exp !== 'number' || !ORGANIZATION.test(claims.org)) return 'bad';
  if (claims.exp <= Date.now() / 1000) return 'expired';
  // A share may have been revoked, which only the API knows.
  if (claims.role !== 'launch' || claims.privacy !== false || claims.branches !== null) return 'api';
  const uids = frame.slice(1, 4);
  if (uids.some((uid) => uid.length > 64)) return 'api';
  if (claims.studies === null) return claims.org;
  return Array.isArray(claims.studies) && claims.studies.indexOf(uids[0]) >= 0 ? claims.org : 'elsewhere';
}

function decode(part) {
  try {
    const value = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' ? value : null;
  } catch (error) {
    return null;
  }
}

// The secret of a key, or null when the store has no such key.
async function secretOf(kid) {
  const keys = cf.kvs();
  return (await keys.exists(kid)) ? keys.get(kid) : null;
}

function signature(secret, signed) {
  return crypto.createHmac('sha256', Buffer.from(secret, 'base64url')).update(signed).digest('base64url');
}

// Takes as long for a wrong signature as for a right one.
function equal(expected, presented) {
  if (expected.length !== presented.length) return false;
  let difference = 0;
  for (let i = 0; i < expected.length; i++) difference |= expected.charCodeAt(i) ^ presented.charCodeAt(i);
  return difference === 0;
}

function toApi(request) {
  cf.selectRequestOriginById('api');
  return request;
}

function refuse(event, status, code, message) {
  return {
    statusCode: status,
    statusDescription: REASONS[status],
    headers: { 'content-type': { value: 'application/json' }, 'cache-control': { value: 'no-store' } },
    body: JSON.stringify({ code: code, message: message, requestId: event.context.requestId }),
  };
}
