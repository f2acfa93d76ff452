#!/bin/sh
# The tutorial's step 4 on the virtual machine itself: installs Go, and makes and runs the Go program.
#
#   KEY_VAULT_NAME=NAME step-4-with-go.sh FILE      FILE is the program, main.go
#
# The lines are the tutorial's. Two things are not: the package repository that it adds is Ubuntu's, so elsewhere Go is the
# distribution's (Debian's backports), or what GO_PACKAGE names; and answers to questions are given beforehand.
set -eu
if [ $# -ne 1 ] || [ -z "${KEY_VAULT_NAME:-}" ]; then
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0" | sed '/^set /d' >&2
    exit 2
fi
program=$(CDPATH='' cd -- "$(dirname -- "$1")" && pwd)/$(basename -- "$1")
export DEBIAN_FRONTEND=noninteractive

type_in() {
    printf '$ %s\n' "$*" >&2
    # Nothing on the way reads what is meant for the shell.
    eval "$*" </dev/null >&2
}

if command -v add-apt-repository >/dev/null && type_in 'sudo add-apt-repository -y ppa:longsleep/golang-backports'; then
    from=
else
    echo "The repository ppa:longsleep/golang-backports cannot be added here." >&2
    from=
    # shellcheck source=/dev/null
    [ ! -r /etc/os-release ] || . /etc/os-release
    if [ "${ID:-}" = debian ] && [ -z "${GO_PACKAGE:-}" ]; then
        backports=${VERSION_CODENAME:?}-backports
        type_in "echo deb http://deb.debian.org/debian $backports main | sudo tee /etc/apt/sources.list.d/backports.list"
        from="-t $backports "
    fi
fi
type_in 'sudo apt update'
type_in "sudo apt install ${from}${GO_PACKAGE:-golang-go} -y"

type_in 'mkdir -p ~/go-on-azure'
cd ~/go-on-azure
[ "$program" = "$PWD/main.go" ] || cp "$program" main.go
type_in 'go mod init go-on-azure'
type_in 'go get "github.com/Azure/azure-sdk-for-go/sdk/azidentity"'
type_in 'go get "github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"'
# What azsecrets needs besides, where it is a later one.
type_in 'go mod tidy'
export KEY_VAULT_NAME
echo '$ go run main.go' >&2
go run main.go
