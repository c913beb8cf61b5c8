// Package check holds the tests of docker-compose.yml and deploy/Dockerfile. They parse and judge both without a container engine.
package check
