/* A client of libssh2.
 *
 *     libssh2-client KEY PORT HOSTKEY COMMAND   standard input goes to the command
 */
#include <arpa/inet.h>
#include <libssh2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char buffer[64 * 1024];

static int fail(LIBSSH2_SESSION *session, const char *what)
{
    char *why = "";
    if (session)
        libssh2_session_last_error(session, &why, NULL, 0);
    fprintf(stderr, "%s: %s\n", what, why);
    return 255;
}

/* The key as it is in the host key line, in base64. */
static int host_key_matches(LIBSSH2_SESSION *session, const char *line)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t length, i, at = 0;
    int type;
    char text[4096];
    const unsigned char *key = (const unsigned char *)libssh2_session_hostkey(session, &length, &type);
    const char *known = strchr(line, ' ');
    if (!key || !known || length > 2048)
        return 0;
    for (i = 0; i < length; i += 3) {
        unsigned long bits = (unsigned long)key[i] << 16;
        bits |= i + 1 < length ? (unsigned long)key[i + 1] << 8 : 0;
        bits |= i + 2 < length ? key[i + 2] : 0;
        text[at++] = digits[bits >> 18 & 63];
        text[at++] = digits[bits >> 12 & 63];
        text[at++] = i + 1 < length ? digits[bits >> 6 & 63] : '=';
        text[at++] = i + 2 < length ? digits[bits & 63] : '=';
    }
    return strncmp(known + 1, text, at) == 0;
}

static int write_all(const char *data, ssize_t length)
{
    while (length > 0) {
        ssize_t written = write(STDOUT_FILENO, data, (size_t)length);
        if (written <= 0)
            return -1;
        data += written;
        length -= written;
    }
    return 0;
}

static int talk(LIBSSH2_SESSION *session, const char *command)
{
    LIBSSH2_CHANNEL *channel = libssh2_channel_open_session(session);
    ssize_t length;
    int code;
    if (!channel || libssh2_channel_exec(channel, command))
        return fail(session, "exec");
    while ((length = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        const char *data = buffer;
        while (length > 0) {
            ssize_t sent = libssh2_channel_write(channel, data, (size_t)length);
            if (sent < 0)
                return fail(session, "write");
            data += sent;
            length -= sent;
        }
    }
    libssh2_channel_send_eof(channel);
    while ((length = libssh2_channel_read(channel, buffer, sizeof buffer)) > 0)
        if (write_all(buffer, length))
            return fail(NULL, "standard output");
    if (length < 0 || libssh2_channel_close(channel) || libssh2_channel_wait_closed(channel))
        return fail(session, "read");
    code = libssh2_channel_get_exit_status(channel);
    libssh2_channel_free(channel);
    return code;
}

int main(int count, char **arguments)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    LIBSSH2_SESSION *session;
    int code, tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (count != 5)
        return fail(NULL, "KEY PORT HOSTKEY COMMAND");
    address.sin_port = htons((unsigned short)atoi(arguments[2]));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (tcp < 0 || connect(tcp, (struct sockaddr *)&address, sizeof address))
        return fail(NULL, "connect");
    if (libssh2_init(0) || !(session = libssh2_session_init()))
        return fail(NULL, "init");
    libssh2_session_method_pref(session, LIBSSH2_METHOD_KEX, "curve25519-sha256");
    /* AES-GCM came with libssh2 1.11; what an older one does not know, it leaves out. */
    libssh2_session_method_pref(session, LIBSSH2_METHOD_CRYPT_CS, "aes128-gcm@openssh.com,aes128-ctr");
    libssh2_session_method_pref(session, LIBSSH2_METHOD_CRYPT_SC, "aes128-gcm@openssh.com,aes128-ctr");
    if (libssh2_session_handshake(session, tcp))
        return fail(session, "key exchange");
    if (!host_key_matches(session, arguments[3]))
        return fail(NULL, "another host key");
    if (libssh2_userauth_publickey_fromfile(session, "root", NULL, arguments[1], NULL))
        return fail(session, "authentication");
    code = talk(session, arguments[4]);
    libssh2_session_disconnect(session, "");
    libssh2_session_free(session);
    close(tcp);
    return code;
}
