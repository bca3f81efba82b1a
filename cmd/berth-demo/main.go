// Command berth-demo is the web server in the image berth/demo, for first steps:
//
//	berth-demo         serves on port 80, or $PORT, until SIGTERM
//	berth-demo health  asks the server in the same container: a health check
//
// It says which container answers, writes each request to its standard output, and ends
// with the code N when it is asked for /exit?code=N.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(log.LUTC | log.Ldate | log.Ltime)
	log.SetOutput(os.Stdout)
	address := ":" + cmp.Or(os.Getenv("PORT"), "80")
	run := serve
	if len(os.Args) == 2 && os.Args[1] == "health" {
		run = health
	} else if len(os.Args) > 1 {
		log.Fatal("usage: berth-demo [health]")
	}
	if err := run(address); err != nil {
		log.Fatal(err)
	}
}

// serve answers until SIGTERM, and then what has begun.
func serve(address string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Printf("serving on %s", listener.Addr())
	server := &http.Server{Handler: logged(pages(os.Getenv("ECS_CONTAINER_METADATA_URI_V4"))), ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Print("stopping")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// health is an error unless the server answers.
func health(address string) error {
	client := &http.Client{Timeout: 5 * time.Second}
	answer, err := client.Get("http://127.0.0.1" + address + "/health")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return errors.New(answer.Status)
	}
	return nil
}

func pages(metadata string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { hello(w, metadata) })
	mux.HandleFunc("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("/env", func(w http.ResponseWriter, _ *http.Request) {
		for _, variable := range slices.Sorted(slices.Values(os.Environ())) {
			fmt.Fprintln(w, variable)
		}
	})
	mux.HandleFunc("/exit", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(cmp.Or(r.FormValue("code"), "1"))
		if err != nil || code < 0 || code > 255 {
			http.Error(w, "code is a number from 0 to 255", http.StatusBadRequest)
			return
		}
		os.Exit(code)
	})
	return mux
}

// hello says who answers.
func hello(w http.ResponseWriter, metadata string) {
	host, err := os.Hostname()
	if err != nil {
		host = err.Error()
	}
	fmt.Fprintf(w, "Hello from %s\n", host)
	if metadata == "" {
		return
	}
	task, err := describe(metadata)
	if err != nil {
		fmt.Fprintf(w, "task metadata: %v\n", err)
		return
	}
	fmt.Fprintf(w, "task       %s\ndefinition %s:%s\ncluster    %s\n", task.TaskARN, task.Family, task.Revision, task.Cluster)
}

type task struct{ Cluster, TaskARN, Family, Revision string }

// describe asks the task metadata endpoint:
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-metadata-endpoint-v4.html
func describe(metadata string) (t task, err error) {
	client := &http.Client{Timeout: 2 * time.Second}
	answer, err := client.Get(metadata + "/task")
	if err != nil {
		return t, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return t, errors.New(answer.Status)
	}
	return t, json.NewDecoder(answer.Body).Decode(&t)
}

// logged writes one line for each request.
func logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		log.Printf("%s %s from %s", r.Method, strconv.Quote(r.URL.Path), r.RemoteAddr)
		next.ServeHTTP(w, r)
	})
}
