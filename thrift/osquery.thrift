/*
 * The interface between osquery's extension manager and its extensions, as osquery 5.x speaks it: the method
 * and field names, ids and types are facts of that protocol (osquery/extensions/thrift/osquery.thrift, BSD-3 or
 * Apache-2.0); the text is ours. Binary protocol, strict, over an unframed (buffered) unix stream socket.
 *
 * thrift/generate.sh makes thrift/gen-nodejs from this file; CI fails when the two differ.
 */

// A plugin is called with a map of strings, and answers with a list of them: for a table, a row each.
typedef map<string, string> ExtensionPluginRequest
typedef list<map<string, string>> ExtensionPluginResponse

// What the manager calls an extension by, chosen by the manager at registration.
typedef i64 ExtensionRouteUUID

// Per plugin name, what the plugin says of itself: for a table, a row per column and one of attributes.
typedef map<string, ExtensionPluginResponse> ExtensionRouteTable
// Per registry name ("table", "logger", "config", ...).
typedef map<string, ExtensionRouteTable> ExtensionRegistry

struct InternalOptionInfo {
  1: string value,
  2: string default_value,
  3: string type,
}
typedef map<string, InternalOptionInfo> InternalOptionList

struct InternalExtensionInfo {
  1: string name,
  2: string version,
  3: string sdk_version,
  4: string min_sdk_version,
}
typedef map<ExtensionRouteUUID, InternalExtensionInfo> InternalExtensionList

enum ExtensionCode {
  EXT_SUCCESS = 0,
  EXT_FAILED = 1,
  EXT_FATAL = 2,
}

struct ExtensionStatus {
  1: i32 code,
  2: string message,
  3: ExtensionRouteUUID uuid,
}

struct ExtensionResponse {
  1: ExtensionStatus status,
  2: ExtensionPluginResponse response,
}

exception ExtensionException {
  1: i32 code,
  2: string message,
  3: ExtensionRouteUUID uuid,
}

// What an extension serves on SOCKET.UUID.
service Extension {
  ExtensionStatus ping(),
  ExtensionResponse call(1: string registry, 2: string item, 3: ExtensionPluginRequest request),
  void shutdown(),
}

// What osquery serves on SOCKET.
service ExtensionManager extends Extension {
  InternalExtensionList extensions(),
  InternalOptionList options(),
  ExtensionStatus registerExtension(1: InternalExtensionInfo info, 2: ExtensionRegistry registry),
  ExtensionStatus deregisterExtension(1: ExtensionRouteUUID uuid),
  ExtensionResponse query(1: string sql),
  ExtensionResponse getQueryColumns(1: string sql),
}
