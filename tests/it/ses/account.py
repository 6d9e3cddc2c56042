"""What an account has: identities, configuration sets, receipt rules and the records; argv[1] names the function."""

import json
import sys

import requests
from sending import ENDPOINT, client, refused

POLICY = json.dumps({"Version": "2012-10-17", "Statement": []})


def identities():
    ses, v2 = client("ses"), client("sesv2")
    tokens = ses.verify_domain_dkim(Domain="example.com")["DkimTokens"]
    assert len(tokens) == 3
    dkim = ses.get_identity_dkim_attributes(Identities=["example.com", "none.org"])["DkimAttributes"]
    assert dkim == {"example.com": {"DkimEnabled": True, "DkimVerificationStatus": "Success", "DkimTokens": tokens}}
    ses.set_identity_dkim_enabled(Identity="example.com", DkimEnabled=False)
    assert v2.get_email_identity(EmailIdentity="example.com")["DkimAttributes"]["SigningEnabled"] is False
    ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain="mail.example.com",
                                      BehaviorOnMXFailure="RejectMessage")
    got = ses.get_identity_mail_from_domain_attributes(Identities=["example.com"])["MailFromDomainAttributes"]
    assert got["example.com"] == {"MailFromDomain": "mail.example.com", "MailFromDomainStatus": "Success",
                                  "BehaviorOnMXFailure": "RejectMessage"}
    refused(lambda: ses.set_identity_mail_from_domain(Identity="example.com", MailFromDomain="mail.other.com"),
            "InvalidParameterValue", "is not subdomain of the domain of the identity")
    refused(lambda: ses.set_identity_feedback_forwarding_enabled(Identity="example.com", ForwardingEnabled=False),
            "InvalidParameterValue")
    for kind in ("Bounce", "Complaint"):
        ses.set_identity_notification_topic(Identity="example.com", NotificationType=kind,
                                            SnsTopic="arn:aws:sns:us-east-1:000000000000:t")
    ses.set_identity_feedback_forwarding_enabled(Identity="example.com", ForwardingEnabled=False)
    ses.set_identity_headers_in_notifications_enabled(Identity="example.com", NotificationType="Bounce", Enabled=True)
    got = ses.get_identity_notification_attributes(Identities=["example.com"])["NotificationAttributes"]["example.com"]
    assert got["ForwardingEnabled"] is False and got["HeadersInBounceNotificationsEnabled"] is True
    assert got["BounceTopic"].endswith(":t") and "DeliveryTopic" not in got
    refused(lambda: ses.set_identity_headers_in_notifications_enabled(
        Identity="unknown@example.org", NotificationType="Bounce", Enabled=True),
        "MessageRejected", "Identity unknown@example.org is not verified or does not exist.", 400)
    ses.put_identity_policy(Identity="example.com", PolicyName="p", Policy=POLICY)
    assert ses.list_identity_policies(Identity="example.com")["PolicyNames"] == ["p"]
    assert ses.get_identity_policies(Identity="example.com", PolicyNames=["p"])["Policies"] == {"p": POLICY}
    refused(lambda: ses.put_identity_policy(Identity="example.com", PolicyName="q", Policy="no"), "InvalidPolicy")
    refused(lambda: v2.create_email_identity_policy(EmailIdentity="example.com", PolicyName="p", Policy=POLICY),
            "AlreadyExistsException")
    v2.delete_email_identity_policy(EmailIdentity="example.com", PolicyName="p")
    assert v2.get_email_identity_policies(EmailIdentity="example.com")["Policies"] == {}
    own = v2.create_email_identity(EmailIdentity="byo.org", DkimSigningAttributes={
        "DomainSigningSelector": "sel", "DomainSigningPrivateKey": "a" * 64}, Tags=[{"Key": "k", "Value": "v"}])
    assert own["DkimAttributes"]["SigningAttributesOrigin"] == "EXTERNAL"
    assert own["DkimAttributes"]["Tokens"] == ["sel"]
    back = v2.put_email_identity_dkim_signing_attributes(EmailIdentity="byo.org", SigningAttributesOrigin="AWS_SES")
    assert len(back["DkimTokens"]) == 3 and back["DkimStatus"] == "SUCCESS"
    arn = "arn:aws:ses:us-east-1:000000000000:identity/byo.org"
    v2.tag_resource(ResourceArn=arn, Tags=[{"Key": "l", "Value": "w"}, {"Key": "m", "Value": "x"}])
    v2.untag_resource(ResourceArn=arn, TagKeys=["k", "m"])
    assert v2.list_tags_for_resource(ResourceArn=arn)["Tags"] == [{"Key": "l", "Value": "w"}]
    refused(lambda: v2.list_tags_for_resource(ResourceArn=arn + "x"), "NotFoundException")
    found = v2.list_email_identities(Filter={"IDENTITY_NAME_CONTAINS": "byo"})["EmailIdentities"]
    assert [i["IdentityName"] for i in found] == ["byo.org"]
    ses.verify_email_address(EmailAddress="a@b.org")
    assert ses.list_verified_email_addresses()["VerifiedEmailAddresses"] == ["a@b.org"]
    ses.delete_verified_email_address(EmailAddress="a@b.org")
    refused(lambda: v2.put_email_identity_feedback_attributes(EmailIdentity="a@b.org", EmailForwardingEnabled=True),
            "NotFoundException", status=404)


def config_sets():
    ses, v2 = client("ses"), client("sesv2")
    ses.create_configuration_set(ConfigurationSet={"Name": "one"})
    refused(lambda: ses.create_configuration_set(ConfigurationSet={"Name": "one"}), "ConfigurationSetAlreadyExists")
    refused(lambda: ses.create_configuration_set(ConfigurationSet={"Name": "a b"}), "InvalidConfigurationSet")
    refused(lambda: ses.delete_configuration_set(ConfigurationSetName="no"), "ConfigurationSetDoesNotExist",
            "Configuration set <no> does not exist.", 400)
    topic = "arn:aws:sns:us-east-1:000000000000:topic"
    ses.create_configuration_set_event_destination(ConfigurationSetName="one", EventDestination={
        "Name": "d", "Enabled": True, "MatchingEventTypes": ["send", "bounce", "delivery", "open", "click"],
        "SNSDestination": {"TopicARN": topic}})
    got = ses.describe_configuration_set(ConfigurationSetName="one", ConfigurationSetAttributeNames=["eventDestinations"])
    assert got["ConfigurationSet"] == {"Name": "one"} and got["EventDestinations"] == [{
        "Name": "d", "Enabled": True, "MatchingEventTypes": ["bounce", "click", "delivery", "open", "send"],
        "SNSDestination": {"TopicARN": topic}}], got
    [seen] = v2.get_configuration_set_event_destinations(ConfigurationSetName="one")["EventDestinations"]
    assert seen["SnsDestination"] == {"TopicArn": topic} and "BOUNCE" in seen["MatchingEventTypes"]
    refused(lambda: ses.create_configuration_set_event_destination(ConfigurationSetName="one", EventDestination={
        "Name": "e", "MatchingEventTypes": ["send"], "SNSDestination": {"TopicARN": "nonsense"}}),
        "InvalidSNSDestination", "SNS topic <nonsense> not found.")
    refused(lambda: ses.delete_configuration_set_event_destination(ConfigurationSetName="one", EventDestinationName="x"),
            "EventDestinationDoesNotExist", "No EventDestination found for x")
    refused(lambda: v2.create_configuration_set_event_destination(
        ConfigurationSetName="one", EventDestinationName="f", EventDestination={"MatchingEventTypes": ["SEND"]}),
        "BadRequestException")
    ses.create_configuration_set_tracking_options(ConfigurationSetName="one",
                                                  TrackingOptions={"CustomRedirectDomain": "t.example.com"})
    refused(lambda: ses.create_configuration_set_tracking_options(
        ConfigurationSetName="one", TrackingOptions={"CustomRedirectDomain": "t"}), "TrackingOptionsAlreadyExistsException")
    assert v2.get_configuration_set(ConfigurationSetName="one")["TrackingOptions"]["CustomRedirectDomain"] == "t.example.com"
    ses.delete_configuration_set_tracking_options(ConfigurationSetName="one")
    ses.put_configuration_set_delivery_options(ConfigurationSetName="one", DeliveryOptions={"TlsPolicy": "Require"})
    ses.update_configuration_set_sending_enabled(ConfigurationSetName="one", Enabled=False)
    got = v2.get_configuration_set(ConfigurationSetName="one")
    assert got["DeliveryOptions"]["TlsPolicy"] == "REQUIRE" and got["SendingOptions"] == {"SendingEnabled": False}
    refused(lambda: v2.put_configuration_set_delivery_options(ConfigurationSetName="one", SendingPoolName="none"),
            "NotFoundException", "none")
    v2.create_dedicated_ip_pool(PoolName="pool")
    v2.put_configuration_set_delivery_options(ConfigurationSetName="one", SendingPoolName="pool", TlsPolicy="OPTIONAL")
    refused(lambda: v2.delete_dedicated_ip_pool(PoolName="pool"), "ConflictException", status=409)
    v2.put_configuration_set_vdm_options(ConfigurationSetName="one",
                                         VdmOptions={"DashboardOptions": {"EngagementMetrics": "ENABLED"}})
    v2.put_configuration_set_suppression_options(ConfigurationSetName="one", SuppressedReasons=["BOUNCE"])
    got = v2.get_configuration_set(ConfigurationSetName="one")
    assert got["VdmOptions"]["DashboardOptions"]["EngagementMetrics"] == "ENABLED"
    assert got["SuppressionOptions"]["SuppressedReasons"] == ["BOUNCE"]
    for name in ("three", "two"):
        v2.create_configuration_set(ConfigurationSetName=name)
    assert v2.list_configuration_sets()["ConfigurationSets"] == ["one", "three", "two"]
    page = ses.list_configuration_sets(MaxItems=2)
    assert [s["Name"] for s in page["ConfigurationSets"]] == ["one", "three"] and page["NextToken"]
    assert ses.list_configuration_sets(NextToken=page["NextToken"])["ConfigurationSets"] == [{"Name": "two"}]
    v2.delete_configuration_set(ConfigurationSetName="one")
    refused(lambda: v2.get_configuration_set(ConfigurationSetName="one"), "NotFoundException", status=404)


def receipt():
    ses = client("ses")
    ses.create_receipt_rule_set(RuleSetName="set")
    rule = lambda name, *actions: {"Name": name, "Enabled": True, "Actions": list(actions)}
    header = {"AddHeaderAction": {"HeaderName": "X", "HeaderValue": "y"}}
    ses.create_receipt_rule(RuleSetName="set", Rule=rule("one", header))
    ses.create_receipt_rule(RuleSetName="set", Rule=rule("two"), After="one")
    ses.create_receipt_rule(RuleSetName="set", Rule=rule("zero"))
    names = lambda name="set": [r["Name"] for r in ses.describe_receipt_rule_set(RuleSetName=name)["Rules"]]
    assert names() == ["zero", "one", "two"]
    ses.set_receipt_rule_position(RuleSetName="set", RuleName="zero", After="two")
    assert names() == ["one", "two", "zero"]
    ses.reorder_receipt_rule_set(RuleSetName="set", RuleNames=["two", "zero", "one"])
    ses.clone_receipt_rule_set(RuleSetName="copy", OriginalRuleSetName="set")
    assert names("copy") == names() == ["two", "zero", "one"]
    assert ses.describe_receipt_rule(RuleSetName="set", RuleName="one")["Rule"] == {
        "Name": "one", "Enabled": True, "TlsPolicy": "Optional", "Actions": [header], "ScanEnabled": False}
    refused(lambda: ses.create_receipt_rule(RuleSetName="set", Rule=rule("one")), "AlreadyExists")
    refused(lambda: ses.describe_receipt_rule(RuleSetName="set", RuleName="x"), "RuleDoesNotExist")
    refused(lambda: ses.describe_receipt_rule_set(RuleSetName="x"), "RuleSetDoesNotExist")
    refused(lambda: ses.create_receipt_rule(RuleSetName="set", Rule=rule(
        "bad", {**header, "StopAction": {"Scope": "RuleSet"}})), "InvalidParameterValue")
    assert "Metadata" not in ses.describe_active_receipt_rule_set()
    ses.set_active_receipt_rule_set(RuleSetName="set")
    assert ses.describe_active_receipt_rule_set()["Metadata"]["Name"] == "set"
    refused(lambda: ses.delete_receipt_rule_set(RuleSetName="set"), "CannotDelete")
    ses.set_active_receipt_rule_set()
    ses.delete_receipt_rule_set(RuleSetName="set")
    assert [s["Name"] for s in ses.list_receipt_rule_sets()["RuleSets"]] == ["copy"]
    ses.create_receipt_filter(Filter={"Name": "f", "IpFilter": {"Policy": "Block", "Cidr": "10.0.0.0/8"}})
    refused(lambda: ses.create_receipt_filter(Filter={"Name": "g", "IpFilter": {"Policy": "Block", "Cidr": "x"}}),
            "InvalidParameterValue")
    assert ses.list_receipt_filters()["Filters"][0]["IpFilter"]["Cidr"] == "10.0.0.0/8"
    ses.delete_receipt_filter(FilterName="f")
    assert ses.list_receipt_filters()["Filters"] == []


def records():
    v2 = client("sesv2")
    v2.put_account_details(MailType="TRANSACTIONAL", WebsiteURL="https://x.org", ProductionAccessEnabled=True)
    v2.put_account_vdm_attributes(VdmAttributes={"VdmEnabled": "ENABLED"})
    v2.put_account_dedicated_ip_warmup_attributes(AutoWarmupEnabled=True)
    account = v2.get_account()
    assert account["Details"]["MailType"] == "TRANSACTIONAL" and account["VdmAttributes"]["VdmEnabled"] == "ENABLED"
    assert account["DedicatedIpAutoWarmupEnabled"] and account["SendingEnabled"]
    v2.create_dedicated_ip_pool(PoolName="p", ScalingMode="MANAGED")
    assert v2.get_dedicated_ip_pool(PoolName="p")["DedicatedIpPool"] == {"PoolName": "p", "ScalingMode": "MANAGED"}
    refused(lambda: v2.put_dedicated_ip_pool_scaling_attributes(PoolName="p", ScalingMode="STANDARD"), "BadRequestException")
    refused(lambda: v2.put_dedicated_ip_in_pool(Ip="192.0.2.1", DestinationPoolName="p"), "NotFoundException")
    job = v2.create_import_job(
        ImportDestination={"SuppressionListDestination": {"SuppressionListImportAction": "PUT"}},
        ImportDataSource={"S3Url": "s3://bucket/key.csv", "DataFormat": "CSV"})["JobId"]
    got = v2.get_import_job(JobId=job)
    assert (got["JobStatus"], got["ImportDataSource"]["S3Url"]) == ("CREATED", "s3://bucket/key.csv")
    assert [j["JobId"] for j in v2.list_import_jobs(ImportDestinationType="SUPPRESSION_LIST")["ImportJobs"]] == [job]
    assert v2.list_import_jobs(ImportDestinationType="CONTACT_LIST")["ImportJobs"] == []
    job = v2.create_export_job(
        ExportDataSource={"MessageInsightsDataSource": {"StartDate": 0, "EndDate": 1}},
        ExportDestination={"DataFormat": "JSON"})["JobId"]
    v2.cancel_export_job(JobId=job)
    assert v2.get_export_job(JobId=job)["JobStatus"] == "CANCELLED"
    refused(lambda: v2.cancel_export_job(JobId=job), "BadRequestException")
    made = v2.create_multi_region_endpoint(EndpointName="e", Details={"RoutesDetails": [{"Region": "eu-west-1"}]})
    got = v2.get_multi_region_endpoint(EndpointName="e")
    assert got["EndpointId"] == made["EndpointId"] and [r["Region"] for r in got["Routes"]] == ["us-east-1", "eu-west-1"]
    assert v2.list_multi_region_endpoints(PageSize=5)["MultiRegionEndpoints"][0]["EndpointName"] == "e"
    v2.delete_multi_region_endpoint(EndpointName="e")
    tenant = v2.create_tenant(TenantName="acme")
    assert v2.get_tenant(TenantName="acme")["Tenant"]["TenantId"] == tenant["TenantId"]
    v2.create_email_identity(EmailIdentity="acme.org")
    arn = "arn:aws:ses:us-east-1:000000000000:identity/acme.org"
    v2.create_tenant_resource_association(TenantName="acme", ResourceArn=arn)
    refused(lambda: v2.create_tenant_resource_association(TenantName="acme", ResourceArn=arn + "x"), "NotFoundException")
    assert v2.list_tenant_resources(TenantName="acme")["TenantResources"] == [
        {"ResourceType": "EMAIL_IDENTITY", "ResourceArn": arn}]
    assert v2.list_resource_tenants(ResourceArn=arn)["ResourceTenants"][0]["TenantName"] == "acme"
    v2.update_reputation_entity_customer_managed_status(
        ReputationEntityType="RESOURCE", ReputationEntityReference=tenant["TenantArn"], SendingStatus="DISABLED")
    entity = v2.get_reputation_entity(ReputationEntityType="RESOURCE", ReputationEntityReference=tenant["TenantArn"])
    assert entity["ReputationEntity"]["SendingStatusAggregate"] == "DISABLED"
    assert v2.list_tenants(Filter={"SENDING_STATUS": "DISABLED"})["Tenants"][0]["TenantName"] == "acme"
    certificate = "arn:aws:acm:us-east-1:000000000000:certificate/c"
    v2.associate_email_identity_certificate(EmailIdentity="acme.org", CertificateArn=certificate)
    assert v2.list_email_identity_certificates(EmailIdentity="acme.org")["Certificates"][0]["CertificateArn"] == certificate
    v2.put_deliverability_dashboard_option(DashboardEnabled=True, SubscribedDomains=[{"Domain": "acme.org"}])
    assert v2.get_deliverability_dashboard_options()["ActiveSubscribedDomains"][0]["Domain"] == "acme.org"
    report = v2.create_deliverability_test_report(
        FromEmailAddress="a@acme.org", Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}})
    got = v2.get_deliverability_test_report(ReportId=report["ReportId"])
    assert got["DeliverabilityTestReport"]["Subject"] == "s"
    assert v2.get_blacklist_reports(BlacklistItemNames=["192.0.2.1"])["BlacklistReport"] == {"192.0.2.1": []}
    insights = v2.get_email_address_insights(EmailAddress="not an address")["MailboxValidation"]
    assert insights["IsValid"]["ConfidenceVerdict"] == "LOW"
    v2.send_email(FromEmailAddress="a@acme.org", Destination={"ToAddresses": ["b@x.org"]},
                  Content={"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}})
    sent = v2.batch_get_metric_data(Queries=[{"Id": "q", "Namespace": "VDM", "Metric": "SEND", "StartDate": 0,
                                              "EndDate": 4102444800}])["Results"][0]
    assert sent["Values"] == [1], sent
    refused(lambda: v2.create_dedicated_ip_pool(PoolName="q", ScalingMode="FAST"), "BadRequestException",
            "Member must satisfy enum value set: [STANDARD, MANAGED]")


def before_restart():
    v2, ses = client("sesv2"), client("ses")
    v2.create_contact_list(ContactListName="l")
    v2.create_contact(ContactListName="l", EmailAddress="a@x.org")
    ses.create_template(Template={"TemplateName": "t", "SubjectPart": "s", "TextPart": "x"})
    v2.create_email_identity(EmailIdentity="x.org")
    v2.put_email_identity_mail_from_attributes(EmailIdentity="x.org", MailFromDomain="m.x.org")
    v2.put_suppressed_destination(EmailAddress="s@x.org", Reason="BOUNCE")


def after_restart():
    v2, ses = client("sesv2"), client("ses")
    assert v2.list_contacts(ContactListName="l")["Contacts"][0]["EmailAddress"] == "a@x.org"
    assert ses.get_template(TemplateName="t")["Template"]["TextPart"] == "x"
    assert v2.get_email_identity(EmailIdentity="x.org")["MailFromAttributes"]["MailFromDomain"] == "m.x.org"
    assert v2.get_suppressed_destination(EmailAddress="s@x.org")["SuppressedDestination"]["Reason"] == "BOUNCE"


if __name__ == "__main__":
    for name in sys.argv[1].split(","):
        globals()[name]()
        if not name.endswith("_restart"):
            requests.post(f"{ENDPOINT}/_devenv/reset")
