-- The keys that people's clients publish are there for everybody to read. Some publish theirs before
-- they know that they may say so; then nobody could read them to whom they do not show their presence.
local pubsub = "http://jabber.org/protocol/pubsub";
local form = "jabber:x:data";

module:hook("iq/bare/" .. pubsub .. ":pubsub", function (event)
	local request = event.stanza.tags[1];
	local publish = request:get_child("publish");
	local node = publish and publish.attr.node or "";
	if not node:match("^eu%.siacs%.conversations%.axolotl%.") or request:get_child("publish-options") then
		return;
	end
	local function field(name, value)
		request:tag("field", { xmlns = form; var = name }):text_tag("value", value, { xmlns = form }):up();
	end
	request:tag("publish-options", { xmlns = pubsub }):tag("x", { xmlns = form; type = "submit" });
	field("FORM_TYPE", pubsub .. "#publish-options");
	field("pubsub#access_model", "open");
	request:up():up();
end, 1);
