package taskdef

import (
	"math"
	"strconv"
	"strings"
)

// Bounds of the task's CPU units, from 0.125 to 192 vCPUs.
//
// https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
const minCPU, maxCPU = 128, 196608

// Docker before 20.10 gives a container at least 4 MiB and later ones 6 MiB.
// The daemon is not known when a definition is registered, so the lower counts.
const minMemory = 4

// checkSize reads the task's cpu and memory and rewrites them as ECS does: in
// CPU units and MiB.
func checkSize(d *definition) (err error) {
	if d.Cpu != nil {
		if d.cpu = units(*d.Cpu, "vcpu"); d.cpu < minCPU || d.cpu > maxCPU {
			return refuse("Invalid 'cpu' setting for task.")
		}
		d.Cpu = new(strconv.Itoa(d.cpu))
	}
	if d.Memory != nil {
		if d.memory = units(*d.Memory, "gb"); d.memory < minMemory {
			return refuse("Invalid 'memory' setting for task.")
		}
		d.Memory = new(strconv.Itoa(d.memory))
	}
	return nil
}

// units reads a whole number, or a number of big units that are 1024 each: "512",
// "0.5 vCPU", ".5vcpu". It returns -1 for anything else.
func units(s, big string) int {
	s = strings.ToLower(strings.TrimSpace(s))
	if number, ok := strings.CutSuffix(s, big); ok {
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if n *= 1024; err == nil && n == math.Trunc(n) && n >= 0 && n < math.MaxInt32 {
			return int(n)
		}
		return -1
	}
	if n, err := strconv.ParseInt(s, 10, 32); err == nil {
		return int(n)
	}
	return -1
}

// checkContainerSize checks a container's cpu, memory and memoryReservation
// against each other and against the task's.
func checkContainerSize(d *definition, c *container) error {
	hard, soft := number(c.Memory), number(c.MemoryReservation)
	switch {
	case c.Cpu < 0:
		return refuse("Invalid 'cpu' setting for container '%s'.", *c.Name)
	case hard < 0 || hard > 0 && hard < minMemory:
		return refuse("Invalid setting for container '%s'. 'memory' must be at least %d.", *c.Name, minMemory)
	case soft < 0 || soft > 0 && soft < minMemory:
		return refuse("Invalid setting for container '%s'. 'memoryReservation' must be at least %d.", *c.Name, minMemory)
	case hard == 0 && soft == 0 && d.memory == 0 && !d.daemon:
		return refuse("Invalid setting for container '%s'. At least one of 'memory' or 'memoryReservation' must be specified.", *c.Name)
	case hard > 0 && soft > hard:
		return refuse("Invalid setting for container '%s'. 'memory' must be greater than or equal to 'memoryReservation'.", *c.Name)
	case d.memory > 0 && hard > d.memory:
		return refuse("The 'memory' setting for container '%s' is greater than for the task.", *c.Name)
	case d.memory > 0 && soft > d.memory:
		return refuse("The 'memoryReservation' setting for container '%s' is greater than for the task.", *c.Name)
	}
	return nil
}

// checkSums compares what the containers reserve together with what the task
// has. Hard memory limits may add up to more: they are not reservations.
func checkSums(d *definition) error {
	cpu, reserved := 0, 0
	for _, c := range d.ContainerDefinitions {
		cpu += int(c.Cpu)
		reserved += number(c.MemoryReservation)
	}
	switch {
	case d.cpu > 0 && cpu > d.cpu:
		return refuse("The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.")
	case d.memory > 0 && reserved > d.memory:
		return refuse("The sum of all container 'memoryReservation' values cannot be greater than the value of the task 'memory'.")
	}
	return nil
}

func number(n *int32) int {
	if n == nil {
		return 0
	}
	return int(*n)
}
