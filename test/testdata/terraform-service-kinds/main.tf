# Services of all kinds, on a cluster without instances: they wait for room.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  default_tags {
    tags = { managed-by = "terraform" }
  }
}

# What the test changes between two applies.
variable "step" {
  default = 1
}

locals {
  changed = var.step > 1
  subnets = sort(data.aws_subnets.default.ids)
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_ecs_cluster" "web" {
  name = "web"
}

resource "aws_ecs_cluster_capacity_providers" "web" {
  cluster_name       = aws_ecs_cluster.web.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}

resource "aws_ecs_task_definition" "bridge" {
  family = "bridge"
  container_definitions = jsonencode([{
    name = "app", image = local.changed ? "nginx:2" : "nginx:1", memory = 64, essential = true
  }])
}

resource "aws_ecs_task_definition" "fargate" {
  family                   = "fargate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  container_definitions    = jsonencode([{ name = "app", image = "nginx", essential = true }])
}

resource "aws_ecs_service" "least" {
  name            = "least"
  cluster         = aws_ecs_cluster.web.id
  task_definition = aws_ecs_task_definition.bridge.arn
}

resource "aws_ecs_service" "ec2" {
  name                               = "ec2"
  cluster                            = aws_ecs_cluster.web.id
  task_definition                    = aws_ecs_task_definition.bridge.arn
  launch_type                        = "EC2"
  desired_count                      = local.changed ? 3 : 2
  deployment_maximum_percent         = local.changed ? 150 : 200
  deployment_minimum_healthy_percent = 50
  health_check_grace_period_seconds  = local.changed ? 60 : 30
  propagate_tags                     = "SERVICE"
  enable_ecs_managed_tags            = true
  availability_zone_rebalancing      = "DISABLED"

  ordered_placement_strategy {
    type  = "spread"
    field = "attribute:ecs.availability-zone"
  }
  ordered_placement_strategy {
    type  = "binpack"
    field = "memory"
  }

  dynamic "placement_constraints" {
    for_each = local.changed ? [] : ["distinctInstance"]
    content {
      type = placement_constraints.value
    }
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  alarms {
    enable      = !local.changed
    rollback    = true
    alarm_names = ["web-errors"]
  }

  tags = { team = local.changed ? "green" : "blue" }
}

resource "aws_ecs_service" "fargate" {
  name            = "fargate"
  cluster         = aws_ecs_cluster.web.arn
  task_definition = aws_ecs_task_definition.fargate.arn
  launch_type     = "FARGATE"
  desired_count   = 1

  network_configuration {
    subnets          = local.changed ? slice(local.subnets, 0, 1) : local.subnets
    assign_public_ip = true
  }

  deployment_controller {
    type = "ECS"
  }
}

resource "aws_ecs_service" "spot" {
  name                 = "spot"
  cluster              = aws_ecs_cluster_capacity_providers.web.cluster_name
  task_definition      = aws_ecs_task_definition.fargate.arn
  desired_count        = 1
  platform_version     = "1.4.0"
  force_new_deployment = true

  network_configuration {
    subnets = local.subnets
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = local.changed ? 3 : 1
  }
  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 1
  }
}

resource "aws_ecs_service" "daemon" {
  name                = "daemon"
  cluster             = aws_ecs_cluster.web.id
  task_definition     = aws_ecs_task_definition.bridge.arn
  scheduling_strategy = "DAEMON"
}

resource "aws_ecs_service" "external" {
  name          = "external"
  cluster       = aws_ecs_cluster.web.id
  desired_count = local.changed ? 4 : 2

  deployment_controller {
    type = "EXTERNAL"
  }
}

resource "aws_ecs_task_set" "blue" {
  force_delete    = true
  service         = aws_ecs_service.external.id
  cluster         = aws_ecs_cluster.web.id
  task_definition = aws_ecs_task_definition.fargate.arn
  launch_type     = "FARGATE"

  network_configuration {
    subnets = local.subnets
  }

  scale {
    unit  = "PERCENT"
    value = local.changed ? 100 : 50
  }
}
