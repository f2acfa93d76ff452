#!/bin/sh
# What ssh asks for the machine's password where ADMIN_PASSWORD is set (SSH_ASKPASS).
printf '%s\n' "$ADMIN_PASSWORD"
