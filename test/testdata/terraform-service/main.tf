# Services of each kind, on a machine that runs them. The provider takes all it
# needs from the environment that `berth env` makes.

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
  type    = number
  default = 1
}

variable "image" {
  type = string
}

locals {
  changed = var.step == 2
}

data "aws_subnets" "default" {
  filter {
    name   = "default-for-az"
    values = ["true"]
  }
}

resource "aws_ecs_task_definition" "web" {
  family = "web"

  container_definitions = jsonencode([
    { name = "app", image = var.image, memory = 16, stopTimeout = 2, command = ["sleep", local.changed ? "2000" : "1000"] },
  ])
}

resource "aws_ecs_task_definition" "fargate" {
  family                   = "fargate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "256"
  memory                   = "512"

  container_definitions = jsonencode([
    { name = "app", image = var.image, stopTimeout = 2, command = ["sleep", "1000"] },
  ])
}

resource "aws_ecs_service" "web" {
  name                               = "web"
  task_definition                    = aws_ecs_task_definition.web.arn
  desired_count                      = local.changed ? 3 : 2
  deployment_minimum_healthy_percent = local.changed ? 50 : 100
  deployment_maximum_percent         = local.changed ? 150 : 200
  enable_ecs_managed_tags            = true
  propagate_tags                     = "SERVICE"
  wait_for_steady_state              = true
  force_delete                       = true
  tags                               = { team = local.changed ? "market" : "shop" }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  ordered_placement_strategy {
    type  = "spread"
    field = "instanceId"
  }

  dynamic "ordered_placement_strategy" {
    for_each = local.changed ? ["memory"] : []
    content {
      type  = "binpack"
      field = ordered_placement_strategy.value
    }
  }

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }
}

resource "aws_ecs_service" "fargate" {
  name                              = "fargate"
  task_definition                   = aws_ecs_task_definition.fargate.arn
  desired_count                     = 1
  launch_type                       = "FARGATE"
  platform_version                  = "LATEST"
  wait_for_steady_state             = true
  health_check_grace_period_seconds = 0

  network_configuration {
    subnets          = local.changed ? slice(sort(data.aws_subnets.default.ids), 0, 1) : data.aws_subnets.default.ids
    assign_public_ip = local.changed
  }
}

resource "aws_ecs_service" "daemon" {
  name                = "daemon"
  task_definition     = aws_ecs_task_definition.web.arn
  scheduling_strategy = "DAEMON"
}
