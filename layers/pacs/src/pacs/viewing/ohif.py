"""What OHIF needs to know for one launch. Asked by functions/launch; completed in the browser by app-config.js."""

from typing import Any

from pacs.settings import Settings
from pacs.viewing.launch import Launch

DICOMWEB = "/dicomweb"
DATA_SOURCE = "@ohif/extension-default.dataSourcesModule.dicomweb"


def ohif_config(settings: Settings, launch: Launch) -> dict[str, Any]:
    """The data of OHIF's configuration: `viewer` (its options), `servers` (its one data source), and the launch.

    `servers.dicomWeb[0].configuration` is also the shape that a public OHIF's `dicomwebproxy` reads.
    """
    return {
        "studies": list(launch.studies),
        "privacy": launch.scope.privacy,
        "expiresAt": launch.expires_at.isoformat(),
        "returnUrl": launch.return_url or None,
        "viewer": viewer_options(privacy=launch.scope.privacy),
        "servers": {"dicomWeb": [data_source(settings)]},
    }


def viewer_options(*, privacy: bool) -> dict[str, Any]:
    return {
        "routerBasename": "/ohif-viewer",
        "extensions": [],
        "modes": [],
        "showStudyList": False,
        "showLoadingIndicator": True,
        "showWarningMessageForCrossOrigin": False,
        "showCPUFallbackMessage": False,
        "showErrorDetails": "production",
        "strictZSpacingForVolumeViewport": True,
        "groupEnabledModesFirst": True,
        "maxNumberOfWebWorkers": 3,
        "maxNumRequests": {"interaction": 100, "thumbnail": 5, "prefetch": 25},
        # OHIF's notice of investigational use: shown, and once confirmed not again for a year.
        "investigationalUseDialog": {"option": "configure", "days": 365},
        "showPatientInfo": "disabled" if privacy else "visible",
    }


def data_source(settings: Settings) -> dict[str, Any]:
    # Our own OHIF shares the origin with the archive, under whatever name the browser knows it.
    root = f"{settings.origin}{DICOMWEB}" if settings.public_ohif_url else DICOMWEB
    return {
        "namespace": DATA_SOURCE,
        "sourceName": "pacs",
        "configuration": {
            "friendlyName": "Bulut PACS",
            "name": "pacs",
            "qidoRoot": root,
            "wadoRoot": root,
            "wadoUriRoot": root,
            "qidoSupportsIncludeField": True,
            "supportsFuzzyMatching": True,
            "supportsWildcard": True,
            "supportsReject": False,
            "dicomUploadEnabled": False,
            "imageRendering": "wadors",
            "thumbnailRendering": "wadors",
            "enableStudyLazyLoad": True,
            "omitQuotationForMultipartRequest": True,
            "singlepart": "bulkdata,video,pdf",
            "bulkDataURI": {"enabled": True, "relativeResolution": "studies"},
        },
    }
