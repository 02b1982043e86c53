"""What browsers reach: CloudFront before the viewer's site, the frames in S3, and the API for everything else."""

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import CfnOutput, Duration, Environment, RemovalPolicy, Stack
from aws_cdk import aws_certificatemanager as acm
from aws_cdk import aws_cloudfront as cloudfront
from aws_cdk import aws_cloudfront_origins as origins
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as s3_deployment
from constructs import Construct

from infra.settings import Stage
from infra.stacks.api import Api
from infra.stacks.data import Data
from infra.stacks.functions import ROOT
from infra.stacks.log_groups import retained_log_group
from pacs.viewing.headers import A_YEAR, ALWAYS_ASK, VIEWER_HEADERS, cache_control

API = "api"  # the id that infra/edge/frames.js calls the API's origin by
SITE_PREFIX = "ohif-viewer"
ASSETS = ROOT / "ohif-site" / "portal"
ASSETS_PREFIX = "assets"
# Asked for each time by browsers; everything else in the site carries a hash in its name.
PAGES = ("index.html", "app-config.js")
ONE_YEAR = Duration.days(365)


class Edge(Stack):
    """`distribution` is the one address of everything that speaks HTTP."""

    def __init__(self, scope: Construct, stage: Stage, data: Data, api: Api, site: Path) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}edge",
            env=Environment(region=stage.region),
            description="Bulut PACS: CloudFront and the viewer's site",
            termination_protection=stage.protect,
        )
        self.stage, self.data = stage, data
        self.site = self._site_bucket()
        self.signing_keys = cloudfront.KeyValueStore(
            self,
            "LaunchKeys",
            key_value_store_name=f"{stage.prefix}launch-keys",
            comment="Launch keys by kid; filled by python -m infra.keys",
        )
        self.api_origin = origins.RestApiOrigin(api.rest_api, origin_id=API)
        self.distribution = self._distribution()
        self._publish(site)
        CfnOutput(self, "HostName", value=self.distribution.domain_name)

    def _site_bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Site",
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            lifecycle_rules=[s3.LifecycleRule(noncurrent_version_expiration=Duration.days(7))],
            removal_policy=RemovalPolicy.DESTROY,
            versioned=True,
        )

    def _distribution(self) -> cloudfront.Distribution:
        stage = self.stage
        certificate = (
            acm.Certificate.from_certificate_arn(self, "Certificate", stage.certificate_arn)
            if stage.certificate_arn
            else None
        )
        return cloudfront.Distribution(
            self,
            "Distribution",
            comment=f"Bulut PACS {stage.name}",
            certificate=certificate,
            domain_names=[stage.domain_name] if certificate else None,
            default_behavior=self._api_behavior(),
            additional_behaviors={
                "/dicomweb/studies/*/frames/*": self._frames_behavior(),
                f"/{SITE_PREFIX}/*": self._site_behavior(),
                f"/{ASSETS_PREFIX}/*": self._assets_behavior(),
            },
            http_version=cloudfront.HttpVersion.HTTP2_AND_3,
            minimum_protocol_version=cloudfront.SecurityPolicyProtocol.TLS_V1_2_2021 if certificate else None,
            price_class=cloudfront.PriceClass.PRICE_CLASS_100,
        )

    def _api_behavior(self) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=self.api_origin,
            allowed_methods=cloudfront.AllowedMethods.ALLOW_ALL,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            origin_request_policy=cloudfront.OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
            response_headers_policy=self._headers("ApiHeaders"),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _frames_behavior(self) -> cloudfront.BehaviorOptions:
        # Nothing is cached here: a cache would answer by path, and it is the token that says who may have it.
        derived = s3.Bucket.from_bucket_name(self, "Derived", self.data.derived.bucket_name)
        return cloudfront.BehaviorOptions(
            origin=origins.OriginGroup(
                primary_origin=origins.S3BucketOrigin.with_origin_access_control(derived, origin_id="frames"),
                fallback_origin=self.api_origin,
                fallback_status_codes=[403, 404],
            ),
            allowed_methods=cloudfront.AllowedMethods.ALLOW_GET_HEAD_OPTIONS,
            cache_policy=cloudfront.CachePolicy.CACHING_DISABLED,
            compress=False,
            function_associations=[self._on_viewer_request("Frames", "frames.js", self.signing_keys)],
            origin_request_policy=cloudfront.OriginRequestPolicy(
                self,
                "FramesRequest",
                origin_request_policy_name=f"{self.stage.prefix}frames",
                cookie_behavior=cloudfront.OriginRequestCookieBehavior.all(),
                header_behavior=cloudfront.OriginRequestHeaderBehavior.allow_list(
                    "accept",
                    "access-control-request-headers",
                    "access-control-request-method",
                    "origin",
                    "x-pacs-authorization",
                ),
                query_string_behavior=cloudfront.OriginRequestQueryStringBehavior.all(),
            ),
            # Asked again each time: an instance that was sent again has other frames under the same address.
            response_headers_policy=self._headers("FramesHeaders", custom={"Cache-Control": "private, no-cache"}),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _site_behavior(self) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.site, origin_id="site"),
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            function_associations=[self._on_viewer_request("SitePaths", "site.js")],
            response_headers_policy=self._headers(
                "SiteHeaders",
                content_security_policy=VIEWER_HEADERS["Content-Security-Policy"],
                custom={"Permissions-Policy": VIEWER_HEADERS["Permissions-Policy"]},
            ),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _assets_behavior(self) -> cloudfront.BehaviorOptions:
        return cloudfront.BehaviorOptions(
            origin=origins.S3BucketOrigin.with_origin_access_control(self.site, origin_id="assets"),
            cache_policy=cloudfront.CachePolicy.CACHING_OPTIMIZED,
            compress=True,
            response_headers_policy=self._headers("AssetsHeaders"),
            viewer_protocol_policy=cloudfront.ViewerProtocolPolicy.HTTPS_ONLY,
        )

    def _on_viewer_request(
        self, id: str, file: str, store: cloudfront.KeyValueStore | None = None
    ) -> cloudfront.FunctionAssociation:
        function = cloudfront.Function(
            self,
            id,
            function_name=f"{self.stage.prefix}{id}",
            code=cloudfront.FunctionCode.from_file(file_path=str(ROOT / "infra" / "edge" / file)),
            key_value_store=store,
            runtime=cloudfront.FunctionRuntime.JS_2_0,
        )
        return cloudfront.FunctionAssociation(event_type=cloudfront.FunctionEventType.VIEWER_REQUEST, function=function)

    def _headers(
        self, id: str, *, custom: Mapping[str, str] | None = None, content_security_policy: str = ""
    ) -> cloudfront.ResponseHeadersPolicy:
        """Security headers on everything; the API may set stricter ones of its own."""
        policy = (
            cloudfront.ResponseHeadersContentSecurityPolicy(
                content_security_policy=content_security_policy, override=True
            )
            if content_security_policy
            else None
        )
        headers = [
            cloudfront.ResponseCustomHeader(header=name, value=value, override=False)
            for name, value in (custom or {}).items()
        ]
        return cloudfront.ResponseHeadersPolicy(
            self,
            id,
            response_headers_policy_name=f"{self.stage.prefix}{id}",
            custom_headers_behavior=cloudfront.ResponseCustomHeadersBehavior(custom_headers=headers)
            if headers
            else None,
            security_headers_behavior=cloudfront.ResponseSecurityHeadersBehavior(
                content_security_policy=policy,
                content_type_options=cloudfront.ResponseHeadersContentTypeOptions(override=True),
                # Launch links carry a token in their query: no other site hears of them.
                referrer_policy=cloudfront.ResponseHeadersReferrerPolicy(
                    referrer_policy=cloudfront.HeadersReferrerPolicy.NO_REFERRER, override=False
                ),
                strict_transport_security=cloudfront.ResponseHeadersStrictTransportSecurity(
                    access_control_max_age=ONE_YEAR, include_subdomains=True, override=True
                ),
            ),
        )

    def _publish(self, site: Path) -> None:
        # CloudFront compresses by itself, so the copies that the one machine sends stay behind.
        files = ["*.gz", *PAGES]
        pages = ["*", *(f"!{page}" for page in PAGES)]
        parts = {
            "Files": (site, files, SITE_PREFIX, cache_control("any-name.js")),
            "Pages": (site, pages, SITE_PREFIX, cache_control(PAGES[0])),
            "Vendored": (ASSETS / "vendor", [], f"{ASSETS_PREFIX}/vendor", A_YEAR),
            "Assets": (ASSETS, ["vendor/*"], ASSETS_PREFIX, ALWAYS_ASK),
        }
        logs = retained_log_group(self, "PublishLogs", "publish", self.stage, self.data.key)
        for part, (folder, exclude, prefix, kept) in parts.items():
            s3_deployment.BucketDeployment(
                self,
                f"Publish{part}",
                sources=[s3_deployment.Source.asset(str(folder), exclude=exclude)],
                cache_control=[s3_deployment.CacheControl.from_string(kept)],
                destination_bucket=self.site,
                destination_key_prefix=prefix,
                distribution=self.distribution,
                distribution_paths=[f"/{prefix}/*"],
                log_group=logs,
                memory_limit=512,
                prune=False,  # pages that are open still ask for the files of the version before
            )
