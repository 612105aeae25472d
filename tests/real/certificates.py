"""Certificates for tests, made by openssl(1): an authority of the test's own, and whom it vouches for."""
import os
import subprocess

CONFIG = """
[ca]
default_ca = own
[own]
database = {folder}/index.txt
serial = {folder}/serial
new_certs_dir = {folder}
default_md = sha256
unique_subject = no
policy = any
[any]
commonName = supplied
"""


def run(*argv, cwd):
    done = subprocess.run(("openssl",) + argv, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise AssertionError("openssl %s:\n%s" % (" ".join(argv), done.stderr))
    return done.stdout


def new_key(folder, name):
    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", name + ".key", cwd=folder)


class Authority:
    """Files NAME.pem and NAME.key in a folder; `file` is the authority's own certificate."""

    def __init__(self, folder, name="authority"):
        self.folder = os.path.join(folder, name)
        os.mkdir(self.folder)
        self.file = self.path("ca.pem")
        new_key(self.folder, "ca")
        run("req", "-x509", "-new", "-key", "ca.key", "-subj", "/CN=siding test authority", "-days", "30",
            "-out", "ca.pem", cwd=self.folder)
        for file, text in ("index.txt", ""), ("serial", "01\n"), ("ca.cnf", CONFIG.format(folder=self.folder)):
            with open(self.path(file), "w") as out:
                out.write(text)

    def path(self, file):
        return os.path.join(self.folder, file)

    def issue(self, name, subject, expired=False):
        """`subject`: "DNS:localhost" or "IP:127.0.0.1". Gives (certificate, key)."""
        new_key(self.folder, name)
        run("req", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-out", name + ".csr", cwd=self.folder)
        with open(self.path(name + ".ext"), "w") as out:
            out.write("subjectAltName=%s\n" % subject)
        dates = ("20200101000000Z", "20210101000000Z") if expired else ("20200101000000Z", "20991231000000Z")
        run("ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key",
            "-in", name + ".csr", "-out", name + ".pem", "-extfile", name + ".ext",
            "-startdate", dates[0], "-enddate", dates[1], cwd=self.folder)
        return self.path(name + ".pem"), self.path(name + ".key")


    def staple(self, name):
        """The file of an OCSP response (DER) that says that this certificate is good."""
        run("ocsp", "-issuer", "ca.pem", "-cert", name + ".pem", "-no_nonce", "-reqout", name + ".ask", cwd=self.folder)
        run("ocsp", "-index", "index.txt", "-CA", "ca.pem", "-rsigner", "ca.pem", "-rkey", "ca.key",
            "-reqin", name + ".ask", "-respout", name + ".ocsp", "-ndays", "2", cwd=self.folder)
        return self.path(name + ".ocsp")


def self_signed(folder, name, subject):
    new_key(folder, name)
    run("req", "-x509", "-new", "-key", name + ".key", "-subj", "/CN=" + name, "-days", "30",
        "-addext", "subjectAltName=" + subject, "-out", name + ".pem", cwd=folder)
    return os.path.join(folder, name + ".pem"), os.path.join(folder, name + ".key")
