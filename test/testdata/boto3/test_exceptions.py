"""Errors arrive as the exceptions that the model documents."""

import unittest

from berth import HERE, client

NOBODY = "0" * 32


class Exceptions(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.ecs = client(parameter_validation=False)
        cls.ecs.create_cluster(clusterName="default")
        cls.ecs.create_cluster(clusterName="web")
        cls.instance = cls.ecs.register_container_instance(
            cluster="web", versionInfo={"agentVersion": "1.105.1"},
            totalResources=[{"name": "CPU", "type": "INTEGER", "integerValue": 1024}],
        )["containerInstance"]["containerInstanceArn"]

    def refused(self, exception, message, operation, **params):
        with self.assertRaises(getattr(self.ecs.exceptions, exception)) as raised:
            getattr(self.ecs, operation)(**params)
        answer = raised.exception.response
        self.assertEqual(answer["Error"]["Code"], exception)
        self.assertIn(message, answer["Error"]["Message"])
        self.assertEqual(answer["ResponseMetadata"]["HTTPStatusCode"], 400)
        self.assertRegex(answer["ResponseMetadata"]["RequestId"], r"^[0-9a-f-]{36}$")

    def test_typed(self):
        for exception, message, operation, params in [
            ("ClusterNotFoundException", "Cluster not found.", "delete_cluster", {"cluster": "nowhere"}),
            ("ClusterNotFoundException", "Cluster not found.", "list_container_instances", {"cluster": "nowhere"}),
            ("ClusterContainsContainerInstancesException", "Container Instances are active", "delete_cluster", {"cluster": "web"}),
            ("InvalidParameterException", "Invalid cluster name", "create_cluster", {"clusterName": "a" * 256}),
            ("InvalidParameterException", "", "create_cluster", {"clusterName": "a", "tags": [{"value": "no key"}]}),
            ("ClientException", "Unable to describe task definition.", "describe_task_definition", {"taskDefinition": "nowhere"}),
            ("ClientException", "", "register_task_definition", {"family": "web", "containerDefinitions": []}),
            ("ResourceNotFoundException", "", "list_tags_for_resource", {"resourceArn": HERE + "task-definition/nowhere:1"}),
            ("TargetNotFoundException", "", "put_attributes", {"cluster": "web", "attributes": [
                {"name": "a", "targetType": "container-instance", "targetId": NOBODY}]}),
            ("NoUpdateAvailableException", "", "update_container_agent", {"cluster": "web", "containerInstance": self.instance}),
            ("NamespaceNotFoundException", "", "list_services_by_namespace", {"namespace": "nowhere"}),
        ]:
            with self.subTest(exception=exception, operation=operation):
                if exception not in dir(self.ecs.exceptions) or not hasattr(self.ecs, operation):
                    self.skipTest("this botocore is too old for " + exception)
                self.refused(exception, message, operation, **params)

    def test_left_out(self):
        """A required member that is left out is named."""
        for operation, named in [
            ("register_task_definition", "Family"), ("deregister_task_definition", "TaskDefinition"),
            ("describe_task_definition", "TaskDefinition"), ("delete_cluster", "Cluster"), ("update_cluster", "Cluster"),
            ("update_cluster_settings", "Settings"), ("put_cluster_capacity_providers", "luster"),
            ("create_capacity_provider", "name"), ("delete_capacity_provider", "apacity"), ("update_capacity_provider", "Provider"),
            ("tag_resource", "Tags"), ("untag_resource", "Tag keys"), ("list_tags_for_resource", "resource"),
            ("put_attributes", "ttributes"), ("delete_attributes", "ttributes"), ("list_attributes", "arget"),
            ("describe_container_instances", "ontainer"), ("deregister_container_instance", "ontainer"),
            ("update_container_instances_state", "ontainer"), ("update_container_agent", "ontainer"),
            ("put_account_setting", "should be one of"), ("put_account_setting_default", "should be one of"),
            ("delete_account_setting", "should be one of"), ("list_services_by_namespace", "amespace"),
        ]:
            with self.subTest(operation=operation):
                with self.assertRaises(self.ecs.exceptions.ClientError) as raised:
                    getattr(self.ecs, operation)()
                error = raised.exception.response["Error"]
                self.assertIn(error["Code"], ["InvalidParameterException", "ClientException"])
                self.assertIn(named, error["Message"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
