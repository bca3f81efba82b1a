resource "aws_ecs_task_definition" "plain" {
  family = "plain"

  container_definitions = jsonencode([
    { name = "app", image = local.changed ? "nginx:2" : "nginx:1", memory = 64 },
  ])
}

resource "aws_ecs_task_definition" "fargate" {
  family                   = "fargate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = "512"
  memory                   = local.changed ? "2048" : "1024"
  execution_role_arn       = "arn:aws:iam::123456789012:role/ecsTaskExecutionRole"
  task_role_arn            = "arn:aws:iam::123456789012:role/web"
  track_latest             = true
  tags                     = { team = local.changed ? "market" : "shop" }

  ephemeral_storage {
    size_in_gib = 30
  }

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  proxy_configuration {
    container_name = "envoy"
    type           = "APPMESH"
    properties = {
      AppPorts         = "8080"
      EgressIgnoredIPs = "169.254.170.2,169.254.169.254"
      IgnoredUID       = "1337"
      ProxyEgressPort  = 15001
      ProxyIngressPort = 15000
    }
  }

  volume {
    name = "data"

    efs_volume_configuration {
      file_system_id          = "fs-12345678"
      root_directory          = "/"
      transit_encryption      = "ENABLED"
      transit_encryption_port = 2999

      authorization_config {
        access_point_id = "fsap-0123456789abcdef0"
        iam             = "ENABLED"
      }
    }
  }

  volume {
    name = "scratch"
  }

  volume {
    name                = "disk"
    configure_at_launch = true
  }

  container_definitions = jsonencode([
    {
      name       = "web"
      image      = "nginx"
      cpu        = 128
      memory     = 512
      essential  = true
      entryPoint = ["sh", "-c"]
      command    = ["nginx", "-g", "daemon off;"]
      portMappings = [
        { name = "http", containerPort = 8080, hostPort = 8080, protocol = "tcp", appProtocol = "http2" },
        { containerPort = 9090 },
      ]
      environment      = [{ name = "B", value = "2" }, { name = "A", value = "1" }]
      environmentFiles = [{ value = "arn:aws:s3:::config/web.env", type = "s3" }]
      secrets = [
        { name = "PASSWORD", valueFrom = "arn:aws:secretsmanager:us-east-1:123456789012:secret:password-a1b2c3" },
        { name = "TOKEN", valueFrom = "/web/token" },
      ]
      mountPoints = [
        { sourceVolume = "data", containerPath = "/data", readOnly = true },
        { sourceVolume = "scratch", containerPath = "/scratch" },
        { sourceVolume = "disk", containerPath = "/disk" },
      ]
      dependsOn = [{ containerName = "envoy", condition = "HEALTHY" }, { containerName = "init", condition = "SUCCESS" }]
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          awslogs-group         = "/ecs/web"
          awslogs-region        = "us-east-1"
          awslogs-stream-prefix = "web"
          mode                  = "non-blocking"
          max-buffer-size       = "25m"
        }
      }
      healthCheck = {
        command     = ["CMD-SHELL", "curl -f http://localhost:8080/ || exit 1"]
        interval    = 10
        timeout     = 3
        retries     = 5
        startPeriod = 20
      }
      linuxParameters        = { initProcessEnabled = true, capabilities = { add = ["SYS_PTRACE"], drop = ["ALL"] } }
      restartPolicy          = { enabled = true, ignoredExitCodes = [0], restartAttemptPeriod = 120 }
      readonlyRootFilesystem = true
      repositoryCredentials  = { credentialsParameter = "arn:aws:secretsmanager:us-east-1:123456789012:secret:registry-a1b2c3" }
      startTimeout           = 60
      stopTimeout            = 100
      systemControls         = [{ namespace = "net.core.somaxconn", value = "1024" }]
      ulimits                = [{ name = "nofile", softLimit = 65535, hardLimit = 65535 }]
      user                   = "1000:1000"
      workingDirectory       = "/srv"
      dockerLabels           = { "com.example.team" = "shop" }
      versionConsistency     = "disabled"
      interactive            = false
      pseudoTerminal         = true
    },
    {
      name        = "envoy"
      image       = "envoy"
      user        = "1337"
      healthCheck = { command = ["CMD", "true"] }
      logConfiguration = {
        logDriver = "awsfirelens"
        options   = { Name = "cloudwatch", region = "us-east-1", log_group_name = "/ecs/envoy" }
      }
    },
    {
      name      = "init"
      image     = "busybox"
      essential = false
    },
    {
      name                  = "logs"
      image                 = "fluent-bit"
      memoryReservation     = 50
      firelensConfiguration = { type = "fluentbit", options = { enable-ecs-log-metadata = "true" } }
      logConfiguration = {
        logDriver     = "splunk"
        options       = { splunk-url = "https://splunk.example.com" }
        secretOptions = [{ name = "splunk-token", valueFrom = "/splunk/token" }]
      }
    },
  ])
}

resource "aws_ecs_task_definition" "ec2" {
  family                   = "ec2"
  requires_compatibilities = ["EC2"]
  network_mode             = "bridge"
  ipc_mode                 = "task"
  pid_mode                 = "host"
  cpu                      = "1024"
  memory                   = local.changed ? "3072" : "2048"
  enable_fault_injection   = false

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.availability-zone in [us-east-1a, us-east-1b]"
  }

  placement_constraints {
    type       = "memberOf"
    expression = "attribute:ecs.os-type == linux"
  }

  inference_accelerator {
    device_name = "device_1"
    device_type = "eia1.medium"
  }

  volume {
    name      = "host"
    host_path = "/var/lib/web"
  }

  volume {
    name = "docker"

    docker_volume_configuration {
      scope         = "shared"
      autoprovision = true
      driver        = "local"
      driver_opts   = { type = "nfs", device = ":/data", o = "addr=10.0.0.1" }
      labels        = { team = "shop" }
    }
  }

  volume {
    name = "task"

    docker_volume_configuration {
      scope = "task"
    }
  }

  volume {
    name = "efs"

    efs_volume_configuration {
      file_system_id = "fs-12345678"
      root_directory = "/web"
    }
  }

  container_definitions = jsonencode([
    {
      name              = "web"
      image             = "nginx"
      cpu               = 10
      memory            = 512
      memoryReservation = 256
      links             = ["cache:redis"]
      portMappings = [
        { containerPort = 80 },
        { containerPort = 53, hostPort = 5353, protocol = "udp" },
        { containerPortRange = "9000-9010", protocol = "tcp" },
      ]
      hostname              = "web"
      dnsServers            = ["10.0.0.2"]
      dnsSearchDomains      = ["example.com"]
      extraHosts            = [{ hostname = "db", ipAddress = "10.0.0.3" }]
      dockerSecurityOptions = ["no-new-privileges"]
      privileged            = true
      resourceRequirements  = [{ type = "InferenceAccelerator", value = "device_1" }, { type = "GPU", value = "1" }]
      mountPoints = [
        { sourceVolume = "host", containerPath = "/host" },
        { sourceVolume = "docker", containerPath = "/docker" },
        { sourceVolume = "task", containerPath = "/task" },
        { sourceVolume = "efs", containerPath = "/efs" },
      ]
      linuxParameters = {
        devices            = [{ hostPath = "/dev/fuse", containerPath = "/dev/fuse", permissions = ["read", "write"] }]
        maxSwap            = 200
        swappiness         = 50
        sharedMemorySize   = 64
        tmpfs              = [{ containerPath = "/tmp", size = 64, mountOptions = ["noexec"] }]
        initProcessEnabled = true
      }
      logConfiguration = { logDriver = "json-file", options = { max-size = "10m" } }
    },
    {
      name              = "cache"
      image             = "redis"
      memoryReservation = 64
      volumesFrom       = [{ sourceContainer = "web", readOnly = true }]
      essential         = false
      disableNetworking = false
    },
  ])
}

resource "aws_ecs_task_definition" "windows" {
  family                   = "windows"
  requires_compatibilities = ["EC2"]
  skip_destroy             = true

  runtime_platform {
    cpu_architecture        = "X86_64"
    operating_system_family = "WINDOWS_SERVER_2022_CORE"
  }

  volume {
    name = "share"

    fsx_windows_file_server_volume_configuration {
      file_system_id = "fs-0123456789abcdef0"
      root_directory = "share"

      authorization_config {
        credentials_parameter = "arn:aws:secretsmanager:us-east-1:123456789012:secret:fsx-a1b2c3"
        domain                = "example.com"
      }
    }
  }

  container_definitions = jsonencode([
    {
      name            = "iis"
      image           = "iis"
      cpu             = 512
      memory          = 1024
      credentialSpecs = ["credentialspec:arn:aws:s3:::specs/iis.json"]
      mountPoints     = [{ sourceVolume = "share", containerPath = "C:\\share" }]
    },
  ])
}
