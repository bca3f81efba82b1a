"""Documents: what is registered comes back, complete and of the right types."""

import datetime
import json
import unittest

from berth import HERE, client

with open("../awscli/fargate.json") as f:
    FARGATE = json.load(f)
with open("../awscli/instance.json") as f:
    INSTANCE = json.load(f)


class Documents(unittest.TestCase):
    def setUp(self):
        self.ecs = client()

    def test_cluster(self):
        made = self.ecs.create_cluster(
            clusterName="web",
            tags=[{"key": "team", "value": "shop"}],
            settings=[{"name": "containerInsights", "value": "enabled"}],
            configuration={"executeCommandConfiguration": {"kmsKeyId": "k", "logging": "DEFAULT"}},
            capacityProviders=["FARGATE"],
            defaultCapacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1, "base": 1}],
            serviceConnectDefaults={"namespace": "shop"},
        )["cluster"]
        include = ["ATTACHMENTS", "CONFIGURATIONS", "SETTINGS", "STATISTICS", "TAGS"]
        found = self.ecs.describe_clusters(clusters=["web"], include=include)["clusters"][0]
        found["statistics"] = []
        self.assertEqual(made, found)
        self.assertEqual(made["serviceConnectDefaults"]["namespace"].split(":")[:3], ["arn", "aws", "servicediscovery"])

    def test_capacity_provider(self):
        group = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:a1:autoScalingGroupName/blue"
        made = self.ecs.create_capacity_provider(
            name="blue", autoScalingGroupProvider={"autoScalingGroupArn": group}, tags=[{"key": "a", "value": "b"}]
        )["capacityProvider"]
        self.assertEqual(made["autoScalingGroupProvider"]["managedScaling"]["targetCapacity"], 100)
        found = self.ecs.describe_capacity_providers(capacityProviders=[made["capacityProviderArn"]], include=["TAGS"])
        self.assertEqual([made], found["capacityProviders"])
        gone = self.ecs.delete_capacity_provider(capacityProvider="blue")["capacityProvider"]
        self.assertEqual((gone["status"], gone["updateStatus"][:6]), ("INACTIVE", "DELETE"))

    def test_account_settings(self):
        set_ = self.ecs.put_account_setting(name="awsvpcTrunking", value="enabled")["setting"]
        self.assertEqual(set_["principalArn"], "arn:aws:iam::123456789012:root")
        names = [s["name"] for page in self.ecs.get_paginator("list_account_settings").paginate(effectiveSettings=True)
                 for s in page["settings"]]
        self.assertIn("containerInsights", names)
        self.ecs.put_account_setting_default(name="awsvpcTrunking", value="disabled")
        self.ecs.delete_account_setting(name="awsvpcTrunking")

    def test_task_definition(self):
        made = self.ecs.register_task_definition(tags=[{"key": "a", "value": "b"}], **FARGATE)
        self.assertEqual(made["tags"], [{"key": "a", "value": "b"}])
        found = self.ecs.describe_task_definition(taskDefinition="nginx-fargate", include=["TAGS"])
        self.assertEqual(found["taskDefinition"], made["taskDefinition"])
        self.assertEqual(found["tags"], made["tags"])
        self.assertIsInstance(found["taskDefinition"]["registeredAt"], datetime.datetime)
        for member, value in FARGATE.items():
            if member != "containerDefinitions":
                self.assertEqual(found["taskDefinition"][member], value)
        container = found["taskDefinition"]["containerDefinitions"][0]
        for member, value in FARGATE["containerDefinitions"][0].items():
            if member != "healthCheck":
                self.assertEqual(container[member], value)

        arn = made["taskDefinition"]["taskDefinitionArn"]
        self.assertEqual(self.ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]["status"], "INACTIVE")
        self.assertEqual(self.ecs.list_task_definitions(status="INACTIVE")["taskDefinitionArns"], [arn])
        self.assertEqual(self.ecs.list_task_definition_families(status="INACTIVE")["families"], ["nginx-fargate"])
        if hasattr(self.ecs, "delete_task_definitions"):
            self.assertEqual(self.ecs.delete_task_definitions(taskDefinitions=[arn])["failures"], [])

    def test_container_instance(self):
        self.ecs.create_cluster(clusterName="fleet")
        made = self.ecs.register_container_instance(cluster="fleet", **INSTANCE)["containerInstance"]
        arn, id_ = made["containerInstanceArn"], made["containerInstanceArn"].split("/")[-1]
        for name in arn, id_:
            found = self.ecs.describe_container_instances(cluster="fleet", containerInstances=[name], include=["TAGS"])
            self.assertEqual(found["containerInstances"], [made])
        self.assertEqual(self.ecs.list_container_instances(cluster="fleet", filter="attribute:rack in [r1, r2]")["containerInstanceArns"], [arn])
        attribute = {"name": "stack", "value": "blue", "targetId": arn}
        self.assertEqual(self.ecs.put_attributes(cluster="fleet", attributes=[attribute])["attributes"], [attribute])
        listed = self.ecs.list_attributes(cluster="fleet", targetType="container-instance", attributeName="stack")
        self.assertEqual(listed["attributes"], [attribute])
        self.assertEqual(self.ecs.delete_attributes(cluster="fleet", attributes=[attribute])["attributes"], [attribute])
        drained = self.ecs.update_container_instances_state(cluster="fleet", containerInstances=[id_], status="DRAINING")
        self.assertEqual((drained["containerInstances"][0]["status"], drained["failures"]), ("DRAINING", []))
        polled = self.ecs.discover_poll_endpoint(cluster="fleet", containerInstance=arn)
        self.assertTrue(polled["endpoint"].startswith("http") and polled["telemetryEndpoint"].startswith("http"))
        again = self.ecs.register_container_instance(cluster="fleet", containerInstanceArn=arn, **INSTANCE)["containerInstance"]
        self.assertEqual(again["containerInstanceArn"], arn)
        gone = self.ecs.deregister_container_instance(cluster="fleet", containerInstance=arn)["containerInstance"]
        self.assertEqual(gone["status"], "INACTIVE")

    def test_tags(self):
        arn = self.ecs.create_cluster(clusterName="tagged")["cluster"]["clusterArn"]
        self.assertEqual(arn, HERE + "cluster/tagged")
        tags = [{"key": f"k{i}", "value": "ünï"} for i in range(50)]
        self.ecs.tag_resource(resourceArn=arn, tags=tags)
        self.assertEqual(self.ecs.list_tags_for_resource(resourceArn=arn)["tags"], tags)
        self.ecs.untag_resource(resourceArn=arn, tagKeys=[t["key"] for t in tags])
        self.assertEqual(self.ecs.list_tags_for_resource(resourceArn=arn)["tags"], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
