// What OHIF is told when it starts in a tab: whose launch this is, where the images are, how to get back.
//
// The launch page (/ohif) has put {token, returnUrl} into this tab's sessionStorage, so two launches in two
// tabs never meet. /ohif/config checks both and answers the data; functions cannot travel in JSON, so the
// callbacks that OHIF wants are made here.
(() => {
  'use strict';

  window.PUBLIC_URL = '/ohif-viewer/';
  console.time('scriptToView'); // OHIF ends this timer
  window.browserImportFunction = path => import(path);

  const LANGUAGE_KEY = 'i18nextLng';
  const turkish = (navigator.language || '').toLowerCase().startsWith('tr');

  // OHIF knows "tr-TR" alone, browsers say "tr" too. What somebody chose in the viewer stays.
  if (turkish && !localStorage.getItem(LANGUAGE_KEY) && !/(^|; )i18next=/.test(document.cookie)) {
    localStorage.setItem(LANGUAGE_KEY, 'tr-TR');
  }

  const launch = readLaunch();

  function readLaunch() {
    try {
      return JSON.parse(sessionStorage.getItem('pacs.launch')) || {};
    } catch {
      return {};
    }
  }

  // The page that says in two languages why nothing can be shown. Never returns to its caller.
  function leave(query) {
    window.location.replace('/ohif' + query);
    return new Promise(() => {});
  }

  // For faults that another try may cure: the archive does not answer, or not as it should.
  function stop(why) {
    const text = document.createElement('p');
    text.textContent = `Görüntüleyici başlatılamadı, sayfayı yenileyin. The viewer could not start, reload the page. (${why})`;
    text.style.cssText = 'color: #e8edf5; font: 16px system-ui, sans-serif; padding: 2rem';
    document.body.replaceChildren(text);
    return new Promise(() => {});
  }

  function authorization() {
    return { Authorization: 'Bearer ' + launch.token };
  }

  function whenRefused(error) {
    const status = error && (error.status || (error.request && error.request.status));
    if (status === 401) {
      leave('?expired=1');
    }
    console.warn('a request for images failed', status || '');
  }

  async function fetchConfiguration() {
    const query = launch.returnUrl ? '?returnUrl=' + encodeURIComponent(launch.returnUrl) : '';
    const response = await fetch('/ohif/config' + query, { headers: authorization() }).catch(error => error);
    if (response.status === 401) {
      return leave('?expired=1');
    }
    return response.ok ? response.json() : stop(response.status || response.message);
  }

  function backButton(returnUrl) {
    const label = turkish ? '← Geri' : '← Back';
    const style = { color: '#fff', fontSize: '14px', padding: '6px 12px', border: '1px solid #5a6b85', borderRadius: '4px' };
    return React => React.createElement('a', { href: returnUrl, 'data-cy': 'pacs-back', style }, label);
  }

  // Inside the desk, which shows the patient, says whose viewer it is and leads away: its narrow header is for the tools.
  function framed() {
    const nothing = React => React.createElement('span', { hidden: true });
    return { showPatientInfo: 'disabled', whiteLabeling: { createLogoComponentFn: nothing } };
  }

  // Roots come without an origin: the viewer and its archive share one, whatever the archive believes its name to be.
  function dataSource(source, userAuthenticationService) {
    const { configuration } = source;
    for (const root of ['qidoRoot', 'wadoRoot', 'wadoUriRoot']) {
      configuration[root] = new URL(configuration[root], window.location.origin).href;
    }
    configuration.onConfiguration = mine => {
      userAuthenticationService().setServiceImplementation({ getAuthorizationHeader: authorization });
      return mine;
    };
    return source;
  }

  window.config = async ({ servicesManager }) => {
    if (!launch.token) {
      return leave('');
    }
    const { viewer, servers, returnUrl } = await fetchConfiguration();
    const source = servers.dicomWeb[0];
    return {
      ...viewer,
      defaultDataSourceName: source.sourceName,
      // The services are there only after this function has returned.
      dataSources: [dataSource(source, () => servicesManager.services.userAuthenticationService)],
      customizationService: { global: { 'ohif.tours': { $set: [] } } },
      httpErrorHandler: whenRefused,
      ...(returnUrl && { whiteLabeling: { createLogoComponentFn: backButton(returnUrl) } }),
      ...(window.self !== window.top && framed()),
    };
  };
})();
