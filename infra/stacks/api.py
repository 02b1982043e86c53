"""What answers over HTTP: all functions of the catalogue, one REST API over their routes, its authorizer."""

from pathlib import Path

from aws_cdk import Duration, Environment, Stack, triggers
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions import catalogue
from functions.entries import Layer
from functions.resources import laid_out
from infra.settings import Stage
from infra.stacks.data import Data
from infra.stacks.firewall import protect
from infra.stacks.functions import ARCHITECTURE, RUNTIME, Surroundings, build_function
from infra.stacks.log_groups import retained_log_group
from infra.stacks.messaging import Messaging, dead_letter_queue
from pacs.viewing.origins import PREFLIGHT_LIFE_S, REQUEST_HEADERS

LAYERS: tuple[Layer, ...] = ("pacs", "codecs", "documents")

# API Gateway's own refusals, told in our one shape.
REFUSALS = (
    (apigateway.ResponseType.UNAUTHORIZED, 401, "UNAUTHENTICATED", "a valid token is needed"),
    (apigateway.ResponseType.ACCESS_DENIED, 403, "FORBIDDEN", "this token may not do this"),
    (apigateway.ResponseType.MISSING_AUTHENTICATION_TOKEN, 404, "NOT_FOUND", "there is nothing here"),
    (apigateway.ResponseType.REQUEST_TOO_LARGE, 413, "PAYLOAD_TOO_LARGE", "at most 10 MB by this way"),
    (apigateway.ResponseType.THROTTLED, 429, "TOO_MANY_REQUESTS", "too many requests: wait a little"),
    (apigateway.ResponseType.INTEGRATION_TIMEOUT, 504, "UNAVAILABLE", "no answer in time"),
    (apigateway.ResponseType.DEFAULT_4_XX, None, "BAD_REQUEST", "the request was refused"),
    (apigateway.ResponseType.DEFAULT_5_XX, None, "INTERNAL_ERROR", "something went wrong"),
)


class Api(Stack):
    """`functions` holds every function of the catalogue by its name; `rest_api` is what CloudFront stands before."""

    def __init__(self, scope: Construct, stage: Stage, data: Data, messaging: Messaging, layers: Path) -> None:
        super().__init__(
            scope,
            f"{stage.prefix}api",
            env=Environment(region=stage.region),
            description="Bulut PACS: functions and the API before them",
            termination_protection=stage.protect,
        )
        self.stage, self.data = stage, data
        # Here and not in `messaging`: a schedule's queue and its rule name one another.
        self.failed_schedules = dead_letter_queue(self, "schedules", stage, messaging.key)
        layer_versions = {name: self._layer(name, layers) for name in LAYERS}
        around = Surroundings(stage, data, messaging, layer_versions, self.failed_schedules)
        self.functions = {function.name: build_function(self, function, around) for function in catalogue.FUNCTIONS}
        self.rest_api = self._rest_api()
        self._refusals()
        self._routes()
        self._migrate()
        if stage.firewall:
            protect(self, self.rest_api, stage, data.key)

    def _layer(self, name: str, folder: Path) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            f"{name}Layer",
            layer_version_name=f"{self.stage.prefix}{name}",
            code=lambda_.Code.from_asset(str(folder / f"{name}.zip")),
            compatible_architectures=[ARCHITECTURE],
            compatible_runtimes=[RUNTIME],
        )

    def _rest_api(self) -> apigateway.RestApi:
        stage = self.stage
        return apigateway.RestApi(
            self,
            "Api",
            rest_api_name=f"{stage.prefix}api",
            binary_media_types=["*/*"],
            endpoint_configuration=apigateway.EndpointConfiguration(types=[apigateway.EndpointType.REGIONAL]),
            deploy_options=apigateway.StageOptions(
                stage_name="v1",
                # Paths of resources: neither UIDs nor query strings, in which tokens may stand.
                access_log_destination=apigateway.LogGroupLogDestination(
                    retained_log_group(self, "AccessLogs", "api-access", stage, self.data.key)
                ),
                access_log_format=apigateway.AccessLogFormat.custom(ACCESS_LOG_FORMAT),
                logging_level=apigateway.MethodLoggingLevel.ERROR,
                data_trace_enabled=False,
                metrics_enabled=True,
                throttling_burst_limit=stage.requests_burst,
                throttling_rate_limit=stage.requests_per_s,
                tracing_enabled=True,
            ),
        )

    def _refusals(self) -> None:
        for kind, status, code, message in REFUSALS:
            self.rest_api.add_gateway_response(
                f"Refusal{code}{status or ''}",
                type=kind,
                status_code=str(status) if status else None,
                response_headers=readable_by(self.stage.cors_origins),
                templates={
                    "application/json": f'{{"code":"{code}","message":"{message}","requestId":"$context.requestId"}}'
                },
            )

    def _routes(self) -> None:
        authorizer = apigateway.RequestAuthorizer(
            self,
            "Authorizer",
            handler=self.functions["authorizer"],
            # No identity source, for a token comes in a header or in a cookie of any name. Without one
            # API Gateway cannot cache answers, and must not: see docs/adr/0002.
            identity_sources=[],
            results_cache_ttl=Duration.seconds(0),
        )
        integrations = {
            name: apigateway.LambdaIntegration(function, scope_permission_to_method=False)
            for name, function in self.functions.items()
        }
        guarded = {"authorization_type": apigateway.AuthorizationType.CUSTOM, "authorizer": authorizer}
        public = {"authorization_type": apigateway.AuthorizationType.NONE}
        resources = laid_out(catalogue.FUNCTIONS)
        for each in resources:
            resource = self.rest_api.root.resource_for_path(each.path)
            asked = public if each.public else guarded
            resource.add_method(each.method, integrations[each.function], **asked)
        paths = {each.path for each in resources} - {each.path for each in resources if each.method == "OPTIONS"}
        self._preflights(paths)

    def _preflights(self, paths: set[str]) -> None:
        """For browsers elsewhere that ask before they call, where no function answers OPTIONS itself."""
        for path in sorted(paths) if self.stage.cors_origins else ():
            self.rest_api.root.resource_for_path(path).add_cors_preflight(
                allow_origins=list(self.stage.cors_origins),
                allow_headers=list(REQUEST_HEADERS),
                max_age=Duration.seconds(PREFLIGHT_LIFE_S),
            )

    def _migrate(self) -> None:
        """The database is brought to this version before any function that expects it takes over."""
        triggers.Trigger(
            self,
            "Migrate",
            handler=self.functions["migrate"],
            timeout=Duration.seconds(catalogue.function("migrate").timeout_s),
            execute_before=[
                function for name, function in self.functions.items() if name not in ("migrate", "authorizer")
            ],
        )


def readable_by(origins: tuple[str, ...]) -> dict[str, str]:
    """Headers of API Gateway's own refusals, so that pages of other origins hear of them. They know no conditions and
    hold nothing private: when there are several origins, a page of any may read that it was refused.
    """
    if not origins:
        return {}
    return {"Access-Control-Allow-Origin": f"'{origins[0] if len(origins) == 1 else '*'}'"}


ACCESS_LOG_FORMAT = (
    '{"requestId":"$context.requestId","time":"$context.requestTime","method":"$context.httpMethod",'
    '"route":"$context.resourcePath","status":"$context.status","ms":"$context.responseLatency",'
    '"bytes":"$context.responseLength","caller":"$context.authorizer.principalId",'
    '"address":"$context.identity.sourceIp","error":"$context.error.responseType"}'
)
