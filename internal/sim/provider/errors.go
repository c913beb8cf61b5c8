package provider

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

const invalidRequest = "invalid_request_error"

// class names the errors that all APIs know, so that each can tell them in its own words.
type class string

const (
	classBadKey     class = "bad_key"
	classNoModel    class = "no_model"
	classBadJSON    class = "bad_json"
	classTooLarge   class = "too_large"
	classRate       class = "rate"
	classQuota      class = "quota"
	classServer     class = "server"
	classOverloaded class = "overloaded"
)

// apiError is an error as the OpenAI API tells it: a status and the members of its "error" object.
type apiError struct {
	status int
	class  class
	// model is the model that an error of classNoModel is about.
	model   string
	Message string  `json:"message"`
	Type    string  `json:"type"`
	Param   *string `json:"param"`
	Code    *string `json:"code"`
}

func (e *apiError) Error() string { return fmt.Sprintf("%d: %s", e.status, e.Message) }

func newError(status int, kind, code, param, message string) *apiError {
	e := &apiError{status: status, Type: kind, Message: message}
	if code != "" {
		e.Code = &code
	}
	if param != "" {
		e.Param = &param
	}
	return e
}

// of says which of the errors that all APIs know this is.
func (e *apiError) of(k class) *apiError {
	e.class = k
	return e
}

func badParam(param, code, format string, args ...any) *apiError {
	return newError(http.StatusBadRequest, invalidRequest, code, param, fmt.Sprintf(format, args...))
}

func errNoKey() *apiError {
	return newError(http.StatusUnauthorized, invalidRequest, "", "",
		"You didn't provide an API key. Send it as a Bearer token in the Authorization header.")
}

func errBadKey(key string) *apiError {
	return newError(http.StatusUnauthorized, invalidRequest, "invalid_api_key", "",
		"Incorrect API key provided: "+maskKey(key)+".").of(classBadKey)
}

func errModel(model string) *apiError {
	e := newError(http.StatusNotFound, invalidRequest, "model_not_found", "",
		"The model `"+model+"` does not exist or you do not have access to it.").of(classNoModel)
	e.model = model
	return e
}

func errBadJSON() *apiError {
	return newError(http.StatusBadRequest, invalidRequest, "", "", "We could not parse the JSON body of your request.").
		of(classBadJSON)
}

func errRate(limit int) *apiError {
	return newError(http.StatusTooManyRequests, "requests", "rate_limit_exceeded", "",
		"Rate limit reached for requests per minute: limit "+strconv.Itoa(limit)+". Please try again later.").of(classRate)
}

// maskKey keeps enough of a key to recognise it.
func maskKey(key string) string {
	if len(key) <= 12 {
		return "****"
	}
	return key[:7] + "****" + key[len(key)-4:]
}

func writeError(w http.ResponseWriter, e *apiError) {
	body, err := json.Marshal(struct {
		Error *apiError `json:"error"`
	}{e})
	if err != nil {
		http.Error(w, "encode error body", http.StatusInternalServerError)
		return
	}
	writeJSON(w, e.status, append(body, '\n'))
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that left shows up in its context; there is nobody to tell.
	_, _ = w.Write(body)
}
