package metadata

import (
	"fmt"
	"net/http"

	"berth/api/acs/message"
)

// role is a role's credentials as every AWS SDK reads them from a container.
type role struct {
	RoleArn         string
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      string
}

// credentials answers with the credentials that have an id, to the task alone that has the role.
func (s *Server) credentials(w http.ResponseWriter, r *http.Request, version int, id string) {
	refuse := func(status int, code, why string) {
		s.answer(w, status, map[string]any{"code": code, "message": fmt.Sprintf("CredentialsV%dRequest: %s", version, why), "HTTPErrorCode": status})
	}
	if id == "" {
		refuse(http.StatusBadRequest, "NoIdInRequest", "No Credential ID in the request")
		return
	}
	switch found := s.roleWith(r, id); {
	case found == nil:
		refuse(http.StatusBadRequest, "InvalidIdInRequest", "Credentials not found")
	case found.AccessKeyID == "":
		refuse(http.StatusServiceUnavailable, "CredentialsUninitialized", "Credentials uninitialized for ID")
	default:
		s.answer(w, http.StatusOK, role{found.RoleARN, found.AccessKeyID, found.SecretAccessKey, found.SessionToken, found.Expiration})
	}
}

// roleWith finds the credentials of an id if the request comes from their task; nil if there are none.
func (s *Server) roleWith(r *http.Request, id string) *message.RoleCredentials {
	for _, agent := range s.Agents {
		task, ok := agent.TaskWith(id)
		if !ok || !s.owns(task, r) {
			continue
		}
		for _, found := range []*message.RoleCredentials{task.Role, task.ExecutionRole} {
			if found != nil && found.CredentialsID == id {
				return found
			}
		}
	}
	return nil
}
