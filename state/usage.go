package state

import "fmt"

// Resources are what a task takes of the container instance it is on.
type Resources struct {
	CPU      int32    // units, of 1,024 to a core
	Memory   int32    // MiB
	ENIs     int32    // network interfaces
	TCP, UDP []int32  // ports of the host that the task definition asks for
	GPUs     []string // ids
}

// Usage is what the tasks on a container instance that have not stopped take of
// it together. Ports and GPUs are not in it: see [View.TaskWithPort] and
// [View.TaskWithGPU].
type Usage struct {
	Tasks             int
	Running, Pending  int // as the instance's counts show them
	CPU, Memory, ENIs int64
}

func (u Usage) plus(more Usage, times int) Usage {
	u.Tasks += more.Tasks * times
	u.Running += more.Running * times
	u.Pending += more.Pending * times
	u.CPU += more.CPU * int64(times)
	u.Memory += more.Memory * int64(times)
	u.ENIs += more.ENIs * int64(times)
	return u
}

// usage is what t takes of its instance. A task takes what it was placed for
// until it has stopped.
func (t *Task) usage() (instance string, u Usage) {
	if t.Stopped() {
		return "", u
	}
	u = Usage{Tasks: 1, CPU: int64(t.Takes.CPU), Memory: int64(t.Takes.Memory), ENIs: int64(t.Takes.ENIs)}
	switch {
	case t.Last == "RUNNING" && t.Desired == "RUNNING": // a task that is asked to stop runs no more
		u.Running = 1
	case t.Pending():
		u.Pending = 1
	}
	return t.Instance, u
}

// claims are the ports and GPUs of its instance that t holds.
func (t *Task) claims() (keys []string) {
	if t.Stopped() || t.Instance == "" {
		return nil
	}
	for _, port := range t.Takes.TCP {
		keys = append(keys, claim(t.Instance, "tcp", port))
	}
	for _, port := range t.Takes.UDP {
		keys = append(keys, claim(t.Instance, "udp", port))
	}
	for _, id := range t.Takes.GPUs {
		keys = append(keys, claim(t.Instance, "gpu", id))
	}
	return keys
}

func claim(instance, kind string, what any) string { return fmt.Sprint(instance, " ", kind, " ", what) }

// Usage is what the tasks on a container instance take, by its ARN.
func (v *View) Usage(instance string) Usage {
	u, _ := v.Tasks.sums.Get(instance)
	return u
}

// TaskWithPort finds the task that holds a port of a container instance, of the
// protocol tcp or udp.
func (v *View) TaskWithPort(instance, protocol string, port int32) (Task, bool) {
	return v.Tasks.first(tasksByClaim, claim(instance, protocol, port))
}

// TaskWithGPU finds the task that holds a GPU of a container instance.
func (v *View) TaskWithGPU(instance, id string) (Task, bool) {
	return v.Tasks.first(tasksByClaim, claim(instance, "gpu", id))
}

// InGroup returns how many tasks of a group are on a container instance and have
// not stopped.
func (v *View) InGroup(instance, group string) int {
	n, _ := v.Tasks.tally.Get(instance + separator + group)
	return n
}
