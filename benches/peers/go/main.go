// A client of Go's x/crypto/ssh, as the original driver uses it.
//
//	go-client KEY PORT HOSTKEY COMMAND   standard input goes to the command
package main

import (
	"fmt"
	"os"

	"golang.org/x/crypto/ssh"
)

func main() {
	code, err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 255
	}
	os.Exit(code)
}

func run(keyFile, port, hostKeyLine, command string) (int, error) {
	pem, err := os.ReadFile(keyFile)
	if err != nil {
		return 0, err
	}
	key, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return 0, err
	}
	hostKey, _, _, _, err := ssh.ParseAuthorizedKey([]byte(hostKeyLine))
	if err != nil {
		return 0, err
	}
	client, err := ssh.Dial("tcp", "127.0.0.1:"+port, &ssh.ClientConfig{
		User:            "root",
		Auth:            []ssh.AuthMethod{ssh.PublicKeys(key)},
		HostKeyCallback: ssh.FixedHostKey(hostKey),
	})
	if err != nil {
		return 0, err
	}
	defer client.Close()
	session, err := client.NewSession()
	if err != nil {
		return 0, err
	}
	session.Stdin = os.Stdin
	session.Stdout = os.Stdout
	session.Stderr = os.Stderr
	err = session.Run(command)
	if exit, ok := err.(*ssh.ExitError); ok {
		return exit.ExitStatus(), nil
	}
	return 0, err
}
