"""RAI LLM's stack: off unless it is asked for, closed to everybody but CloudFront, not there at night."""

import json
from typing import Any

STACK = "pacs-prod-rai-llm"


def test_no_committed_stage_pays_for_a_gpu() -> None:
    from infra.settings import STAGES

    assert [stage.name for stage in STAGES if stage.gpu_instance_type] == []


def test_nobody_but_the_balancer_reaches_the_machine_and_it_reaches_https_alone(synthesized: Any) -> None:
    groups = synthesized.resources(STACK, "AWS::EC2::SecurityGroup")
    [room] = [each["Properties"] for name, each in groups.items() if name.startswith("Room")]
    assert "SecurityGroupIngress" not in room
    assert [(each["FromPort"], each["CidrIp"]) for each in room["SecurityGroupEgress"]] == [(443, "0.0.0.0/0")]
    rules = synthesized.resources(STACK, "AWS::EC2::SecurityGroupIngress").values()
    assert [each["Properties"]["FromPort"] for each in rules] == [8000]
    assert all("SourceSecurityGroupId" in each["Properties"] for each in rules)
    [balancer] = synthesized.resources(STACK, "AWS::ElasticLoadBalancingV2::LoadBalancer").values()
    assert balancer["Properties"]["Scheme"] == "internal"


def test_only_what_asks_for_the_token_is_let_through(synthesized: Any) -> None:
    [listener] = synthesized.resources(STACK, "AWS::ElasticLoadBalancingV2::Listener").values()
    [refusal] = listener["Properties"]["DefaultActions"]
    assert refusal["FixedResponseConfig"]["StatusCode"] == "404"
    [rule] = synthesized.resources(STACK, "AWS::ElasticLoadBalancingV2::ListenerRule").values()
    assert rule["Properties"]["Conditions"][0]["PathPatternConfig"]["Values"] == ["/v1/*"]
    [task] = synthesized.resources(STACK, "AWS::ECS::TaskDefinition").values()
    [container] = task["Properties"]["ContainerDefinitions"]
    assert [each["Name"] for each in container["Secrets"]] == ["VLLM_API_KEY"]
    assert "Environment" not in container
    assert "--api-key" not in json.dumps(container)


def test_the_model_is_the_one_that_the_archive_asks_for_and_pinned(synthesized: Any) -> None:
    from pacs.settings import Settings

    [task] = synthesized.resources(STACK, "AWS::ECS::TaskDefinition").values()
    command = task["Properties"]["ContainerDefinitions"][0]["Command"]
    told = dict(zip(command[::2], command[1::2], strict=True))
    assert told["--model"] == told["--served-model-name"] == Settings().ai_rai_llm_model
    assert len(told["--revision"]) == 40


def test_it_goes_at_night(synthesized: Any) -> None:
    [target] = synthesized.resources(STACK, "AWS::ApplicationAutoScaling::ScalableTarget").values()
    actions = {each["ScheduledActionName"]: each for each in target["Properties"]["ScheduledActions"]}
    assert {each["Timezone"] for each in actions.values()} == {"Europe/Istanbul"}
    assert actions["Morning"]["Schedule"] == "cron(0 8 ? * MON-SAT *)"
    assert actions["Night"]["Schedule"] == "cron(0 20 ? * MON-SAT *)"
    assert actions["Night"]["ScalableTargetAction"] == {"MaxCapacity": 0, "MinCapacity": 0}
    [machines] = synthesized.resources(STACK, "AWS::AutoScaling::AutoScalingGroup").values()
    assert (machines["Properties"]["MinSize"], machines["Properties"]["MaxSize"]) == ("0", "1")
