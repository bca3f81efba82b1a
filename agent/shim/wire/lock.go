package wire

import (
	"fmt"
	"os"
	"syscall"
	"time"
)

// Hold takes the lock of a file, which the kernel gives back when the process
// ends. It tries for as long as patience says: also a child that its holder had
// just forked has it, until it becomes another program.
func Hold(path string, patience time.Duration) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return f, nil
		}
		if time.Now().After(deadline) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}
