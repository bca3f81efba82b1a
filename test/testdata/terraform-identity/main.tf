# What a task needs beside its definition: roles with policies, parameters and
# secrets.

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

resource "aws_iam_role" "task" {
  name                 = "task"
  path                 = "/team/"
  description          = local.changed ? "changed" : "of tasks"
  max_session_duration = local.changed ? 7200 : 3600

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = local.changed ? ["ecs-tasks.amazonaws.com", "ec2.amazonaws.com"] : ["ecs-tasks.amazonaws.com"] }
      Action    = "sts:AssumeRole"
    }]
  })
}

resource "aws_iam_role_policy" "logs" {
  name = "logs"
  role = aws_iam_role.task.name

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = local.changed ? "logs:*" : "logs:PutLogEvents", Resource = "*" }]
  })
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.task.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_policy" "secrets" {
  name = "secrets"

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "secretsmanager:GetSecretValue", Resource = local.changed ? "*" : aws_secretsmanager_secret.db.arn }]
  })
}

resource "aws_iam_role_policy_attachment" "secrets" {
  role       = aws_iam_role.task.name
  policy_arn = aws_iam_policy.secrets.arn
}

resource "aws_ssm_parameter" "url" {
  name        = "/web/url"
  type        = "String"
  value       = local.changed ? "https://new" : "https://old"
  description = "where it is"
}

resource "aws_ssm_parameter" "password" {
  name  = "/web/password"
  type  = "SecureString"
  value = local.changed ? "hunter3" : "hunter2"
}

resource "aws_secretsmanager_secret" "db" {
  name                    = "db/main"
  description             = local.changed ? "changed" : "of the database"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "db" {
  secret_id     = aws_secretsmanager_secret.db.id
  secret_string = jsonencode({ username = "root", password = local.changed ? "hunter3" : "hunter2" })
}
