"""Whoever applies a module may make, read and remove each kind of resource that it has."""

import json
import re
from fnmatch import fnmatchcase
from typing import Any

import yaml

from tests.terraform.plans import MODULES

#: What the provider calls to make, read and remove each kind of resource.
AWS = {
    "aws_cloudwatch_dashboard": "cloudwatch:PutDashboard GetDashboard DeleteDashboards",
    "aws_cloudwatch_log_group": "logs:CreateLogGroup DescribeLogGroups DeleteLogGroup "
    "PutRetentionPolicy ListTagsForResource",
    "aws_cloudwatch_metric_alarm": "cloudwatch:PutMetricAlarm DescribeAlarms DeleteAlarms",
    "aws_eks_access_entry": "eks:CreateAccessEntry DescribeAccessEntry DeleteAccessEntry",
    "aws_eks_pod_identity_association": "eks:CreatePodIdentityAssociation "
    "DescribePodIdentityAssociation DeletePodIdentityAssociation",
    "aws_iam_role": "iam:CreateRole GetRole DeleteRole PassRole ListRolePolicies "
    "ListAttachedRolePolicies ListInstanceProfilesForRole",
    "aws_iam_role_policy": "iam:PutRolePolicy GetRolePolicy DeleteRolePolicy",
    "aws_lambda_function": "lambda:CreateFunction GetFunction DeleteFunction UpdateFunctionCode "
    "UpdateFunctionConfiguration PutFunctionConcurrency",
    "aws_lambda_function_event_invoke_config": "lambda:PutFunctionEventInvokeConfig "
    "GetFunctionEventInvokeConfig DeleteFunctionEventInvokeConfig",
    "aws_rbin_rule": "rbin:CreateRule GetRule DeleteRule",
    "aws_s3_bucket": "s3:CreateBucket ListBucket DeleteBucket",
    "aws_s3_bucket_lifecycle_configuration": "s3:PutLifecycleConfiguration "
    "GetLifecycleConfiguration",
    "aws_s3_bucket_ownership_controls": "s3:PutBucketOwnershipControls GetBucketOwnershipControls",
    "aws_s3_bucket_policy": "s3:PutBucketPolicy GetBucketPolicy DeleteBucketPolicy",
    "aws_s3_bucket_public_access_block": "s3:PutBucketPublicAccessBlock GetBucketPublicAccessBlock",
    "aws_s3_bucket_server_side_encryption_configuration": "s3:PutEncryptionConfiguration "
    "GetEncryptionConfiguration",
    "aws_s3_bucket_versioning": "s3:PutBucketVersioning GetBucketVersioning",
    "aws_scheduler_schedule": "scheduler:CreateSchedule GetSchedule DeleteSchedule",
    "aws_scheduler_schedule_group": "scheduler:CreateScheduleGroup GetScheduleGroup "
    "DeleteScheduleGroup",
    "aws_sns_topic": "sns:CreateTopic GetTopicAttributes DeleteTopic",
    "aws_sns_topic_subscription": "sns:Subscribe GetSubscriptionAttributes Unsubscribe",
    "aws_sqs_queue": "sqs:CreateQueue GetQueueAttributes DeleteQueue",
}
_ALL = "create get delete"
_POLICY = "getIamPolicy setIamPolicy"
#: The same for Google; of those in `ELSEWHERE` the end of the file speaks.
GOOGLE = {
    "google_artifact_registry_repository": f"artifactregistry.repositories.{_ALL}",
    "google_artifact_registry_repository_iam_member": f"artifactregistry.repositories.{_POLICY}",
    "google_cloud_run_v2_service_iam_member": f"run.services.{_POLICY}",
    "google_cloud_scheduler_job": f"cloudscheduler.jobs.{_ALL} pause enable",
    "google_cloudfunctions2_function": f"cloudfunctions.functions.{_ALL} update",
    "google_logging_metric": f"logging.logMetrics.{_ALL}",
    "google_monitoring_alert_policy": f"monitoring.alertPolicies.{_ALL}",
    "google_monitoring_dashboard": f"monitoring.dashboards.{_ALL}",
    "google_monitoring_notification_channel": f"monitoring.notificationChannels.{_ALL}",
    "google_project_iam_custom_role": f"iam.roles.{_ALL} undelete",
    "google_project_iam_member": f"resourcemanager.projects.{_POLICY}",
    "google_project_service": "serviceusage.services.enable get list",
    "google_secret_manager_regional_secret_iam_member": f"secretmanager.secrets.{_POLICY}",
    "google_secret_manager_secret_iam_member": f"secretmanager.secrets.{_POLICY}",
    "google_service_account": f"iam.serviceAccounts.{_ALL} actAs",
    "google_storage_bucket": f"storage.buckets.{_ALL}",
    "google_storage_bucket_iam_member": f"storage.buckets.{_POLICY}",
    "google_storage_bucket_object": f"storage.objects.{_ALL}",
}
ELSEWHERE = {
    "google_kms_crypto_key_iam_member": "cloudkms.cryptoKeys.getIamPolicy",
    "google_tags_tag_value_iam_member": "resourcemanager.tagValues.getIamPolicy",
}


def kinds(cloud: str, prefix: str) -> set[str]:
    text = "".join(path.read_text() for path in (MODULES / cloud).glob("*.tf"))
    return set(re.findall(rf'^resource "({prefix}_\w+)"', text, re.MULTILINE))


def actions(said: str) -> set[str]:
    service, _, verbs = said.partition(":")
    return {f"{service}:{verb}" for verb in verbs.split()}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements() -> list[dict[str, Any]]:
    document = json.loads((MODULES / "aws" / "applier-policy.json").read_text())
    found: list[dict[str, Any]] = document["Statement"]
    return found


def test_each_kind_of_resource_on_aws_can_be_made_read_and_removed() -> None:
    """A resource that the module gets is added here, and to the policy."""
    assert set(AWS) == kinds("aws", "aws")
    allowed = [action for s in statements() for action in listed(s["Action"])]
    needed = {action for said in AWS.values() for action in actions(said)}
    assert {a for a in needed if not any(fnmatchcase(a, held) for held in allowed)} == set()


def test_nothing_more_than_the_modules_services_is_allowed_on_aws() -> None:
    """Of IAM each action by name; elsewhere nothing outside of the module's names."""
    services = {said.partition(":")[0] for said in AWS.values()}
    for statement in statements():
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            assert action.partition(":")[0] in services | {"ec2"}
            assert not (action.startswith("iam:") and "*" in action)
            if "*" in action:
                assert "*" not in listed(statement["Resource"]), statement["Sid"]


def test_roles_are_given_to_the_modules_services_only() -> None:
    """Who applies cannot hand its roles to an instance of their own."""
    (giving,) = [s for s in statements() if "iam:PassRole" in listed(s["Action"])]
    assert giving["Condition"]["StringEquals"]["iam:PassedToService"] == [
        "lambda.amazonaws.com", "scheduler.amazonaws.com", "pods.eks.amazonaws.com",
    ]  # fmt: skip


def test_each_kind_of_resource_on_google_can_be_made_read_and_removed() -> None:
    """In the function's project by the role, elsewhere as its last lines say."""
    text = (MODULES / "gcp" / "applier-role.yaml").read_text()
    assert set(GOOGLE) | set(ELSEWHERE) == kinds("gcp", "google")
    needed = {action for said in GOOGLE.values() for action in actions_of_google(said)}
    held = yaml.safe_load(text)["includedPermissions"]
    assert needed - set(held) == set()
    assert len(held) == len(set(held))
    assert all(permission in text for permission in ELSEWHERE.values())


def actions_of_google(said: str) -> set[str]:
    first, *verbs = said.split()
    begin, _, verb = first.rpartition(".")
    return {f"{begin}.{each}" for each in [verb, *verbs]}


def test_nothing_more_than_the_modules_services_is_allowed_on_google() -> None:
    """No permission of a service that the module does not use, and none by a star."""
    role = yaml.safe_load((MODULES / "gcp" / "applier-role.yaml").read_text())
    services = {said.partition(".")[0] for said in GOOGLE.values()}
    assert {p for p in role["includedPermissions"] if p.split(".")[0] not in services} == set()
    assert not any("*" in permission for permission in role["includedPermissions"])
