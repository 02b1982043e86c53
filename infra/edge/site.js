// Paths of the viewer that are no files are places inside it: they all begin at its one page.
// A CloudFront Function (runtime 2.0) on the viewer requests of /ohif-viewer/*.
function handler(event) {
  const request = event.request;
  const name = request.uri.slice(request.uri.lastIndexOf('/') + 1);
  if (name.indexOf('.') < 0) request.uri = '/ohif-viewer/index.html';
  return request;
}
