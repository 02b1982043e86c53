"""Pages of other origins in the cloud: whom API Gateway, CloudFront and the stores let read."""

import json
from typing import Any

from infra.stacks.api import readable_by
from pacs.viewing.origins import REQUEST_HEADERS

ORIGIN = "https://portal.example.org"
ALLOW = "gatewayresponse.header.Access-Control-Allow-Origin"


def test_every_refusal_of_the_gateway_itself_can_be_read_from_the_configured_origin(synthesized: Any) -> None:
    for stage, expected in (("dev", None), ("prod", f"'{ORIGIN}'")):
        refusals = synthesized.resources(f"pacs-{stage}-api", "AWS::ApiGateway::GatewayResponse").values()
        kinds = {each["Properties"]["ResponseType"] for each in refusals}
        assert {"UNAUTHORIZED", "ACCESS_DENIED", "DEFAULT_4XX", "DEFAULT_5XX"} <= kinds
        for each in refusals:
            assert each["Properties"].get("ResponseParameters", {}).get(ALLOW) == expected


def test_what_has_no_conditions_names_no_single_one_of_several_origins() -> None:
    assert readable_by(()) == {}
    assert readable_by(("https://a.example", "https://b.example")) == {"Access-Control-Allow-Origin": "'*'"}


def test_preflights_let_pages_send_what_viewers_send(synthesized: Any) -> None:
    methods = synthesized.resources("pacs-prod-api", "AWS::ApiGateway::Method").values()
    preflights = [
        each["Properties"]["Integration"]["IntegrationResponses"][0]["ResponseParameters"]
        for each in methods
        if each["Properties"]["HttpMethod"] == "OPTIONS" and each["Properties"]["Integration"]["Type"] == "MOCK"
    ]
    assert preflights
    for each in preflights:
        assert each["method.response.header.Access-Control-Allow-Origin"] == f"'{ORIGIN}'"
        allowed = each["method.response.header.Access-Control-Allow-Headers"].strip("'").split(",")
        assert sorted(allowed) == sorted(REQUEST_HEADERS)


def test_the_edge_hands_preflights_of_frames_on(synthesized: Any) -> None:
    (policy,) = synthesized.resources("pacs-prod-edge", "AWS::CloudFront::OriginRequestPolicy").values()
    headers = policy["Properties"]["OriginRequestPolicyConfig"]["HeadersConfig"]["Headers"]
    assert {"access-control-request-method", "access-control-request-headers", "origin"} <= set(headers)


def test_redirects_to_a_store_can_be_followed_from_any_page_and_forms_sent_to_one(synthesized: Any) -> None:
    buckets = synthesized.resources("pacs-prod-data", "AWS::S3::Bucket")
    stores = {name: each["Properties"] for name, each in buckets.items() if "AccessLogs" not in name}
    assert len(stores) == 3
    for name, each in stores.items():
        (rule,) = each["CorsConfiguration"]["CorsRules"]
        methods = {"GET", "HEAD", "POST"} if name.startswith("Exchange") else {"GET", "HEAD"}
        assert (set(rule["AllowedMethods"]), rule["AllowedOrigins"]) == (methods, ["*"])
        assert set(each["PublicAccessBlockConfiguration"].values()) == {True}
    assert "CorsConfiguration" not in json.dumps([each for name, each in buckets.items() if "AccessLogs" in name])
