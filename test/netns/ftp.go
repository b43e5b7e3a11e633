package netns

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// FTPFile is the name of the file that an FTP server has: the name of the server is in it.
const FTPFile = "who"

// FTP starts vsftpd at port 21 of the node, for anonymous clients over both families. It comes from port 20 to active clients. More are lines
// of its configuration.
func (n *Node) FTP(more ...string) *Process {
	w := n.w
	w.t.Helper()
	folder := filepath.Join(w.dir, n.Name+"-ftp")
	w.must(os.MkdirAll(folder+"/pub", 0o755), "%s: folder of vsftpd", n.Name)
	w.must(os.MkdirAll(folder+"/empty", 0o755), "%s: folder of vsftpd", n.Name)
	w.must(os.Chmod(w.dir, 0o755), "%s: folder of vsftpd", n.Name) //nolint:gosec // vsftpd goes through it as another user
	w.must(os.WriteFile(folder+"/pub/"+FTPFile, []byte(n.Name+"\n"), 0o644), "%s: file of vsftpd", n.Name)
	config := append([]string{
		"listen_ipv6=YES", // and IPv4
		"background=NO",
		"anonymous_enable=YES",
		"anon_root=" + folder + "/pub",
		"secure_chroot_dir=" + folder + "/empty",
		"connect_from_port_20=YES",
		// What it shuts its processes off by is not there in every kernel.
		"isolate=NO", "isolate_network=NO", "seccomp_sandbox=NO",
		"xferlog_enable=YES",
		"vsftpd_log_file=" + filepath.Join(w.dir, n.Name+"-transfers.log"),
	}, more...)
	path := folder + "/vsftpd.conf"
	w.must(os.WriteFile(path, []byte(strings.Join(config, "\n")+"\n"), 0o600), "%s: configuration of vsftpd", n.Name)
	p := n.Start("vsftpd", "vsftpd", path)
	w.WaitFor(time.Minute, fmt.Sprintf("vsftpd of %s to listen", n.Name), func() bool {
		tcp, err := n.ReadNet("tcp6")
		return err == nil && strings.Contains(tcp, ":0015 ") || !p.Running()
	})
	if !p.Running() {
		w.t.Fatalf("%s: vsftpd ended at once: %v\n%s", n.Name, p.err, p.Log())
	}
	return p
}

// AnswerFTP starts vsftpd on each real server, with more lines of its configuration.
func (s *Site) AnswerFTP(more ...string) {
	s.t.Helper()
	for _, server := range s.Servers {
		server.node.FTP(more...)
	}
}

// FTPModes returns the four ways to ask for a data connection, as curl is told of them.
func FTPModes() map[string][]string {
	return map[string][]string{"EPSV": nil, "PASV": {"--disable-epsv"}, "EPRT": {"--ftp-port", "-"}, "PORT": {"--ftp-port", "-", "--disable-eprt"}}
}

// GetFTP has curl fetch FTPFile from server, an address with its port, and returns what is in it. It comes from an address of the node.
func (n *Node) GetFTP(server, from string, limit time.Duration, mode ...string) (string, error) {
	argv := append([]string{"curl", "-gsS", "-m", fmt.Sprintf("%.0f", limit.Seconds()), "--interface", from}, mode...)
	out, err := n.Run(append(argv, "ftp://"+server+"/"+FTPFile)...)
	return strings.TrimSpace(out), err
}
