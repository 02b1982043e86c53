"""The web ACL before the API: known bad callers, known bad requests, and guessing at passwords. Asked by api.py.

It stands before the API and not before CloudFront (which would place it in us-east-1): the API can be reached
without CloudFront, and all that CloudFront answers by itself is refused there for want of a token.
"""

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_kms as kms
from aws_cdk import aws_wafv2 as wafv2

from infra.settings import Stage
from infra.stacks.log_groups import retained_log_group

# By the caller's address, which behind CloudFront is one of its own: so only where people seldom go.
SIGN_INS_PER_5_MINUTES = 300
MANAGED = ("AWSManagedRulesAmazonIpReputationList", "AWSManagedRulesKnownBadInputsRuleSet")


def protect(scope: Stack, api: apigateway.RestApi, stage: Stage, key: kms.IKey) -> None:
    """Stand a web ACL before the API, and log what it blocks."""
    rules = [managed_rule(name, priority) for priority, name in enumerate(MANAGED)]
    acl = wafv2.CfnWebACL(
        scope,
        "Firewall",
        name=f"{stage.prefix}api",
        scope="REGIONAL",
        default_action=wafv2.CfnWebACL.DefaultActionProperty(allow={}),
        rules=[*rules, sign_in_rule(len(rules))],
        visibility_config=visibility("firewall"),
    )
    wafv2.CfnWebACLAssociation(
        scope, "FirewallOfApi", resource_arn=api.deployment_stage.stage_arn, web_acl_arn=acl.attr_arn
    )
    log_blocked(scope, acl, stage, key)


def managed_rule(name: str, priority: int) -> wafv2.CfnWebACL.RuleProperty:
    return wafv2.CfnWebACL.RuleProperty(
        name=name,
        priority=priority,
        override_action=wafv2.CfnWebACL.OverrideActionProperty(none={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            managed_rule_group_statement=wafv2.CfnWebACL.ManagedRuleGroupStatementProperty(name=name, vendor_name="AWS")
        ),
        visibility_config=visibility(name),
    )


def sign_in_rule(priority: int) -> wafv2.CfnWebACL.RuleProperty:
    sign_in = wafv2.CfnWebACL.StatementProperty(
        byte_match_statement=wafv2.CfnWebACL.ByteMatchStatementProperty(
            field_to_match=wafv2.CfnWebACL.FieldToMatchProperty(uri_path={}),
            positional_constraint="CONTAINS",
            search_string="/auth/",
            text_transformations=[wafv2.CfnWebACL.TextTransformationProperty(priority=0, type="URL_DECODE")],
        )
    )
    return wafv2.CfnWebACL.RuleProperty(
        name="sign-in",
        priority=priority,
        action=wafv2.CfnWebACL.RuleActionProperty(block={}),
        statement=wafv2.CfnWebACL.StatementProperty(
            rate_based_statement=wafv2.CfnWebACL.RateBasedStatementProperty(
                aggregate_key_type="IP", limit=SIGN_INS_PER_5_MINUTES, scope_down_statement=sign_in
            )
        ),
        visibility_config=visibility("sign-in"),
    )


def visibility(name: str) -> wafv2.CfnWebACL.VisibilityConfigProperty:
    return wafv2.CfnWebACL.VisibilityConfigProperty(
        cloud_watch_metrics_enabled=True, metric_name=name, sampled_requests_enabled=False
    )


def log_blocked(scope: Stack, acl: wafv2.CfnWebACL, stage: Stage, key: kms.IKey) -> None:
    """Blocked requests only, and nothing of them in which a token may stand."""
    # WAF takes no other name for its groups than one that begins so.
    logs = retained_log_group(scope, "FirewallLogs", "", stage, key, exact_name=f"aws-waf-logs-{stage.prefix}api")
    redacted = [{"SingleHeader": {"Name": name}} for name in ("authorization", "x-pacs-authorization", "cookie")]
    wafv2.CfnLoggingConfiguration(
        scope,
        "FirewallLogging",
        log_destination_configs=[
            scope.format_arn(
                service="logs",
                resource="log-group",
                resource_name=logs.log_group_name,
                arn_format=ArnFormat.COLON_RESOURCE_NAME,
            )
        ],
        logging_filter={
            "DefaultBehavior": "DROP",
            "Filters": [
                {
                    "Behavior": "KEEP",
                    "Conditions": [{"ActionCondition": {"Action": "BLOCK"}}],
                    "Requirement": "MEETS_ANY",
                }
            ],
        },
        redacted_fields=[*redacted, {"QueryString": {}}],
        resource_arn=acl.attr_arn,
    )
