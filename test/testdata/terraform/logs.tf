resource "aws_cloudwatch_log_group" "web" {
  name              = "/ecs/web"
  retention_in_days = var.step == 1 ? 7 : 14
  tags              = { team = var.step == 1 ? "blue" : "green" }
}
