package metadata

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
)

// protection is the answer of the task protection endpoint.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-scale-in-protection-endpoint.html
type protection struct {
	RequestID  string               `json:"requestID,omitempty"`
	Protection *types.ProtectedTask `json:"protection,omitempty"`
	Failure    *types.Failure       `json:"failure,omitempty"`
	Error      *protectionError     `json:"error,omitempty"`
}

type protectionError struct {
	Arn           string `json:",omitempty"`
	Code, Message string
}

// protectionTimeout is less than an SDK waits for an answer.
const protectionTimeout = 4 * time.Second

func (s *Server) getProtection(w http.ResponseWriter, r *http.Request) {
	task, client, ok := s.protectable(w, r)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), protectionTimeout)
	defer cancel()
	out, err := client.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: &task.Cluster, Tasks: []string{task.TaskARN}})
	if err != nil {
		s.protectionFailed(w, task, err)
		return
	}
	s.protected(w, task, out.ProtectedTasks, out.Failures)
}

func (s *Server) updateProtection(w http.ResponseWriter, r *http.Request) {
	const maxBody = 64 << 10
	var wish struct {
		ProtectionEnabled *bool
		ExpiresInMinutes  *int32
	}
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	body.DisallowUnknownFields()
	if body.Decode(&wish) != nil {
		s.refuseProtection(w, http.StatusBadRequest, protectionError{Code: "InvalidParameterException", Message: "UpdateTaskProtection: failed to decode request"})
		return
	}
	task, client, ok := s.protectable(w, r)
	if !ok {
		return
	}
	if wish.ProtectionEnabled == nil {
		s.refuseProtection(w, http.StatusBadRequest, protectionError{task.TaskARN, "InvalidParameterException", "Invalid request: does not contain 'ProtectionEnabled' field"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), protectionTimeout)
	defer cancel()
	out, err := client.UpdateTaskProtection(ctx, &ecs.UpdateTaskProtectionInput{Cluster: &task.Cluster, Tasks: []string{task.TaskARN},
		ProtectionEnabled: *wish.ProtectionEnabled, ExpiresInMinutes: wish.ExpiresInMinutes})
	if err != nil {
		s.protectionFailed(w, task, err)
		return
	}
	s.protected(w, task, out.ProtectedTasks, out.Failures)
}

// protectable finds the task of a request and a client that acts as its role, or says why not.
func (s *Server) protectable(w http.ResponseWriter, r *http.Request) (Task, *ecs.Client, bool) {
	_, task, _, ok := s.find(r)
	if !ok {
		s.refuseProtection(w, http.StatusNotFound, protectionError{Code: "ResourceNotFoundException", Message: "Failed to find a task for the request"})
		return Task{}, nil, false
	}
	if task.Role == nil || task.Role.AccessKeyID == "" {
		s.refuseProtection(w, http.StatusForbidden, protectionError{task.TaskARN, "AccessDeniedException", "Invalid Request: no task IAM role credentials available for task"})
		return Task{}, nil, false
	}
	return task, ecs.New(ecs.Options{
		Region: s.Region, BaseEndpoint: aws.String(s.Endpoint),
		Credentials: credentials.NewStaticCredentialsProvider(task.Role.AccessKeyID, task.Role.SecretAccessKey, task.Role.SessionToken),
	}), true
}

// protected answers what the control plane said of one task.
func (s *Server) protected(w http.ResponseWriter, task Task, tasks []types.ProtectedTask, failures []types.Failure) {
	switch {
	case len(failures) == 1:
		s.answer(w, http.StatusOK, protection{Failure: &failures[0]})
	case len(failures) == 0 && len(tasks) == 1:
		s.answer(w, http.StatusOK, protection{Protection: &tasks[0]})
	default:
		s.refuseProtection(w, http.StatusInternalServerError, protectionError{task.TaskARN, "ServerException", "Unexpected error occurred"})
	}
}

func (s *Server) refuseProtection(w http.ResponseWriter, status int, why protectionError) {
	s.answer(w, status, protection{Error: &why})
}

// protectionFailed answers an error of the control plane with its own code and status.
func (s *Server) protectionFailed(w http.ResponseWriter, task Task, err error) {
	if errors.Is(err, context.DeadlineExceeded) {
		s.refuseProtection(w, http.StatusGatewayTimeout, protectionError{task.TaskARN, "RequestCanceled", "Timed out calling ECS Task Protection API"})
		return
	}
	status, why := http.StatusInternalServerError, protectionError{task.TaskARN, "ServerException", err.Error()}
	if modelled, ok := errors.AsType[smithy.APIError](err); ok {
		why.Code, why.Message = modelled.ErrorCode(), modelled.ErrorMessage()
	}
	answer := protection{Error: &why}
	if response, ok := errors.AsType[*awshttp.ResponseError](err); ok {
		status, answer.RequestID = response.HTTPStatusCode(), response.ServiceRequestID()
	}
	s.answer(w, status, answer)
}

// fault refuses to inject a fault: that is enabled on no task.
func (s *Server) fault(w http.ResponseWriter, r *http.Request) {
	_, task, _, ok := s.find(r)
	if !ok {
		s.answer(w, http.StatusNotFound, map[string]string{"Error": "unable to get task arn from request: unable to get task Arn from v3 endpoint ID: " + r.PathValue("endpoint")})
		return
	}
	s.answer(w, http.StatusBadRequest, map[string]string{"Error": "enableFaultInjection is not enabled for task: " + task.TaskARN})
}
