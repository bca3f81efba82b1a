"""Services: what they are made with comes back, updates deploy, waiters end."""

import unittest

from berth import client

SHOWN = {
    "serviceName": "web",
    "desiredCount": 0,
    "launchType": "EC2",
    "schedulingStrategy": "REPLICA",
    "deploymentController": {"type": "ECS"},
    "availabilityZoneRebalancing": "DISABLED",
    "deploymentConfiguration": {
        "strategy": "ROLLING",
        "maximumPercent": 150,
        "minimumHealthyPercent": 50,
        "bakeTimeInMinutes": 0,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True},
        "alarms": {"alarmNames": ["web-errors"], "enable": True, "rollback": False},
    },
    "healthCheckGracePeriodSeconds": 30,
    "placementConstraints": [{"type": "memberOf", "expression": "attribute:disk == ssd"}],
    "placementStrategy": [{"type": "spread", "field": "attribute:ecs.availability-zone"}],
    "propagateTags": "SERVICE",
    "enableECSManagedTags": True,
    "enableExecuteCommand": False,
    "loadBalancers": [],
    "serviceRegistries": [],
    "tags": [{"key": "team", "value": "shop"}],
}


class Services(unittest.TestCase):
    def setUp(self):
        self.ecs = client()

    def test_life(self):
        if not hasattr(self.ecs, "list_service_deployments"):
            self.skipTest("this boto3 is older than service deployments")
        ecs = self.ecs
        ecs.create_cluster()
        ecs.register_task_definition(family="web", containerDefinitions=[{"name": "app", "image": "nginx", "memory": 64}])
        made = ecs.create_service(clientToken="once", taskDefinition="web", **SHOWN)["service"]
        self.assertEqual({member: made[member] for member in SHOWN}, SHOWN)
        self.assertEqual(made["serviceArn"].split(":")[5], "service/default/web")
        self.assertEqual(ecs.create_service(clientToken="once", taskDefinition="web", **SHOWN)["service"]["createdAt"], made["createdAt"])
        with self.assertRaises(ecs.exceptions.InvalidParameterException):
            ecs.create_service(taskDefinition="web", **SHOWN)

        soon = {"Delay": 1, "MaxAttempts": 60}
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=soon)
        updated = ecs.update_service(service="web", forceNewDeployment=True, placementConstraints=[])["service"]
        self.assertEqual(updated["placementConstraints"], [])
        self.assertNotEqual(updated["deployments"][0]["id"], made["deployments"][0]["id"])
        ecs.get_waiter("services_stable").wait(services=["web"], WaiterConfig=soon)
        found = ecs.describe_services(services=["web", "none"], include=["TAGS"])
        self.assertEqual(found["services"][0]["tags"], SHOWN["tags"])
        self.assertEqual([f["reason"] for f in found["failures"]], ["MISSING"])
        self.assertEqual(found["services"][0]["currentServiceDeployment"], updated["currentServiceDeployment"])

        pages = ecs.get_paginator("list_services").paginate(PaginationConfig={"PageSize": 1})
        self.assertEqual([arn for page in pages for arn in page["serviceArns"]], [made["serviceArn"]])
        self.assertEqual(ecs.delete_service(service="web")["service"]["status"], "DRAINING")
        ecs.get_waiter("services_inactive").wait(services=["web"], WaiterConfig=soon)
        self.assertEqual(ecs.list_services()["serviceArns"], [])
        self.assertEqual(ecs.create_service(taskDefinition="web", **SHOWN)["service"]["status"], "ACTIVE")


if __name__ == "__main__":
    unittest.main(verbosity=2)
