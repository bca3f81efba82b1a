# Every block of every ECS resource that needs no running container. The
# provider takes all it needs from the environment that `berth env` makes.

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
}

resource "aws_ecs_account_setting_default" "insights" {
  name  = "containerInsights"
  value = local.changed ? "enabled" : "enhanced"
}

resource "aws_ecs_cluster" "web" {
  name = "web"

  setting {
    name  = "containerInsights"
    value = local.changed ? "disabled" : "enabled"
  }

  configuration {
    execute_command_configuration {
      kms_key_id = "alias/ecs"
      logging    = "OVERRIDE"

      log_configuration {
        cloud_watch_encryption_enabled = true
        cloud_watch_log_group_name     = local.changed ? "/ecs/sessions" : "/ecs/exec"
        s3_bucket_encryption_enabled   = true
        s3_bucket_name                 = "sessions"
        s3_key_prefix                  = "exec"
      }
    }

    managed_storage_configuration {
      fargate_ephemeral_storage_kms_key_id = "alias/ephemeral"
      kms_key_id                           = "alias/storage"
    }
  }

  service_connect_defaults {
    namespace = "arn:aws:servicediscovery:us-east-1:123456789012:namespace/ns-${local.changed ? "blue" : "green"}"
  }

  tags = { team = local.changed ? "market" : "shop" }
}

# As plain as can be; a change of its name replaces it.
resource "aws_ecs_cluster" "plain" {
  name = local.changed ? "plain-2" : "plain"
}

resource "aws_ecs_tag" "cost" {
  resource_arn = aws_ecs_capacity_provider.blue.arn
  key          = "cost"
  value        = local.changed ? "low" : "high"
}

resource "aws_ecs_capacity_provider" "blue" {
  name = "blue"

  auto_scaling_group_provider {
    auto_scaling_group_arn         = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:a1b2c3d4-5678-90ab-cdef-EXAMPLE11111:autoScalingGroupName/blue"
    managed_draining               = "ENABLED"
    managed_termination_protection = "ENABLED"

    managed_scaling {
      instance_warmup_period    = 60
      maximum_scaling_step_size = local.changed ? 20 : 10
      minimum_scaling_step_size = 1
      status                    = "ENABLED"
      target_capacity           = local.changed ? 70 : 90
    }
  }

  lifecycle {
    ignore_changes = [tags, tags_all] # aws_ecs_tag adds one
  }
}

# Only what is required: the rest is the provider's and ours to fill in.
resource "aws_ecs_capacity_provider" "plain" {
  name = "plain"

  auto_scaling_group_provider {
    auto_scaling_group_arn = "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:a1b2c3d4-5678-90ab-cdef-EXAMPLE22222:autoScalingGroupName/plain"
  }
}

resource "aws_ecs_cluster_capacity_providers" "web" {
  cluster_name       = aws_ecs_cluster.web.name
  capacity_providers = local.changed ? ["FARGATE", aws_ecs_capacity_provider.blue.name] : ["FARGATE", "FARGATE_SPOT"]

  default_capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = 1
    weight            = 100
  }

  dynamic "default_capacity_provider_strategy" {
    for_each = local.changed ? [] : ["FARGATE_SPOT"]
    content {
      capacity_provider = default_capacity_provider_strategy.value
      weight            = 1
    }
  }
}

data "aws_ecs_cluster" "web" {
  cluster_name = aws_ecs_cluster.web.name
}

data "aws_ecs_task_definition" "plain" {
  task_definition = aws_ecs_task_definition.plain.family
}

data "aws_ecs_container_definition" "plain" {
  task_definition = aws_ecs_task_definition.plain.arn
  container_name  = "app"
}

output "found" {
  value = {
    cluster    = data.aws_ecs_cluster.web.status
    definition = data.aws_ecs_task_definition.plain.arn_without_revision
    image      = data.aws_ecs_container_definition.plain.image
  }
}
