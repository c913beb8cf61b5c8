package adminapi

//go:generate sh -c "cd ../.. && go tool -modfile=internal/tools/go.mod oapi-codegen -config internal/adminapi/gen/oapi-codegen.yaml internal/adminapi/openapi.yaml"
